import { describe, expect, it } from "vitest";
import {
  BUCKET_COUNT,
  bucketOf,
  decorationRanges,
  DEFAULT_SCALE,
  entropyScale,
  forkRanges,
  type HeatMode,
} from "../../../core/annotation/buckets";
import { cutTrace } from "../../../core/annotation/cut";
import type { ScoredTrace } from "../../../core/annotation/scoredTrace";
import type { OffsetRange } from "../../../core/annotation/tokenLookup";
import { tokenAt } from "../../../core/annotation/tokenLookup";
import { seeded } from "../seeded";
import { scoredOf } from "./scoredFixture";

const SHARE = { kind: "share", share: 0.2 } as const;

describe("the scale", () => {
  it("starts at 0.01 and rises by one ratio to the paper's 6.58", () => {
    expect(DEFAULT_SCALE).toHaveLength(BUCKET_COUNT);
    const ratio = (6.58 / 0.01) ** (1 / 6);
    DEFAULT_SCALE.forEach((edge, i) =>
      expect(edge).toBeCloseTo(0.01 * ratio ** i, 12),
    );
  });

  it("puts entropies in their buckets", () => {
    expect(bucketOf(NaN)).toBe(-1);
    expect(bucketOf(0)).toBe(-1);
    expect(bucketOf(0.0099)).toBe(-1);
    expect(bucketOf(0.01)).toBe(0);
    expect(bucketOf(0.672)).toBe(3);
    expect(bucketOf(2)).toBe(4);
    expect(bucketOf(6.58)).toBe(5);
    expect(bucketOf(12)).toBe(5);
  });

  it("stays ascending for a trace without any entropy to speak of", () => {
    for (const top of [0, 0.01, NaN, Infinity]) {
      const scale = entropyScale(top);
      for (let i = 1; i < scale.length; i++)
        expect(scale[i]).toBeGreaterThan(scale[i - 1]!);
    }
  });
});

describe("decorationRanges", () => {
  it("merges neighbours of one bucket and leaves the rest bare", () => {
    const scored = scoredOf([
      ["aa", NaN],
      ["bb", 3],
      ["cc", 4],
      ["dd", 0.001],
      ["ee", 0.02],
      ["ff", 0.02],
    ]);
    const cut = cutTrace(scored.entropy, { kind: "share", share: 0.4 });
    const all = { start: 0, end: scored.textLength };
    const heat = decorationRanges(scored, "heat", cut, all);
    expect(heat.buckets[5]).toEqual([{ start: 2, end: 6 }]);
    expect(heat.buckets[0]).toEqual([{ start: 8, end: 12 }]);
    expect(heat.buckets.flat()).toHaveLength(2);
    expect(heat.forks).toEqual([{ start: 2, end: 6 }]);
    const forks = decorationRanges(scored, "forks", cut, all);
    expect(forks.buckets.flat()).toEqual([{ start: 2, end: 6 }]);
  });

  it("shows a character split over tokens by the highest of them, once", () => {
    const scored = scoredOf([
      ["a", 0.001],
      ["\u{1f600}", 0.001],
      ["", 5],
      ["", NaN],
      ["b", 0.001],
    ]);
    const cut = cutTrace(scored.entropy, SHARE);
    for (const visible of [
      { start: 0, end: 4 },
      { start: 1, end: 2 },
      { start: 2, end: 3 },
    ]) {
      const shown = decorationRanges(scored, "forks", cut, visible);
      expect(shown.buckets[5]).toEqual([{ start: 1, end: 3 }]);
      expect(shown.forks).toEqual([{ start: 1, end: 3 }]);
    }
    expect(
      decorationRanges(scored, "forks", cut, { start: 3, end: 4 }).forks,
    ).toEqual([]);
  });

  it("colours a fork below the scale by the first bucket", () => {
    const scored = scoredOf([["a", 0.001]]);
    const cut = cutTrace(scored.entropy, SHARE);
    const shown = decorationRanges(scored, "heat", cut, { start: 0, end: 1 });
    expect(shown.buckets[0]).toEqual([{ start: 0, end: 1 }]);
  });

  it.each(["forks", "heat"] as const)(
    "agrees with colouring character by character, %s",
    (mode) => {
      const random = seeded(7);
      for (let round = 0; round < 60; round++) {
        const scored = randomTrace(random);
        const cut = cutTrace(scored.entropy, SHARE);
        const a = Math.floor(random() * (scored.textLength + 1));
        const b = Math.floor(random() * (scored.textLength + 1));
        const visible = { start: Math.min(a, b), end: Math.max(a, b) };
        const shown = decorationRanges(scored, mode, cut, visible);
        const slow = colourCharacters(scored, mode, cut.isFork);
        for (let at = visible.start; at < visible.end; at++) {
          const bucket = shown.buckets.findIndex((list) => covers(list, at));
          expect(bucket).toBe(slow.bucket[at]);
          expect(covers(shown.forks, at)).toBe(slow.fork[at]);
        }
        for (const list of [...shown.buckets, shown.forks]) {
          list.forEach((one, i) => {
            expect(one.end).toBeGreaterThan(one.start);
            if (i > 0) expect(one.start).toBeGreaterThan(list[i - 1]!.end);
          });
        }
      }
    },
  );

  it("gives the whole trace's forks to the overview ruler", () => {
    const scored = randomTrace(seeded(3));
    const cut = cutTrace(scored.entropy, SHARE);
    const slow = colourCharacters(scored, "forks", cut.isFork);
    const marks = forkRanges(scored, cut);
    for (let at = 0; at < scored.textLength; at++)
      expect(covers(marks, at)).toBe(slow.fork[at]);
  });
});

describe("tokenAt", () => {
  it("finds the token that carries each character", () => {
    const scored = scoredOf([
      ["ab", 1],
      ["", 2],
      ["", 3],
      ["c", 4],
      ["", 5],
    ]);
    expect([0, 1, 2].map((at) => tokenAt(scored, at))).toEqual([0, 0, 3]);
    expect(tokenAt(scored, 3)).toBeUndefined();
    expect(tokenAt(scored, -1)).toBeUndefined();
    expect(tokenAt(scoredOf([]), 0)).toBeUndefined();
  });
});

function covers(list: readonly OffsetRange[], at: number): boolean {
  return list.some((one) => one.start <= at && at < one.end);
}

/** Words, with characters split over two to four tokens here and there. */
function randomTrace(random: () => number): ScoredTrace {
  const tokens: [string, number][] = [];
  for (let i = 0; i < 40; i++) {
    const nats = random() < 0.5 ? random() * 0.02 : random() * 6;
    const split = random() < 0.2;
    tokens.push([split ? "\u{1f600}" : "x".repeat(1 + random() * 4), nats]);
    for (let j = 0; split && j < 1 + random() * 3; j++)
      tokens.push(["", random() < 0.1 ? NaN : random() * 6]);
  }
  return scoredOf(tokens);
}

/** The same by brute force: every token paints its characters, an empty one those of the nearest token with text. */
function colourCharacters(
  scored: ScoredTrace,
  mode: HeatMode,
  isFork: Uint8Array,
): { bucket: number[]; fork: boolean[] } {
  const highest = new Array<number>(scored.textLength).fill(-1);
  const fork = new Array<boolean>(scored.textLength).fill(false);
  let carrier = -1;
  scored.entropy.forEach((nats, i) => {
    if (scored.end[i]! > scored.start[i]!) carrier = i;
    for (let at = scored.start[carrier]!; at < scored.end[carrier]!; at++) {
      if (nats > highest[at]!) highest[at] = nats;
      if (isFork[i]) fork[at] = true;
    }
  });
  const bucket = highest.map((nats, at) => {
    if (mode === "forks" && !fork[at]) return -1;
    const plain = bucketOf(nats);
    return fork[at] ? Math.max(plain, 0) : plain;
  });
  return { bucket, fork };
}
