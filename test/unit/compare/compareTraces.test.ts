import { describe, expect, it } from "vitest";
import {
  compareTraces,
  FATE,
  largestChanges,
} from "../../../core/annotation/compareTraces";
import type { ScoredTrace } from "../../../core/annotation/scoredTrace";
import { forkOverlap } from "../../../core/rl/compare";
import { generator, traceOf } from "../extension/tokenised";

const HALF = { kind: "share", share: 0.5 } as const;
const traces = (texts: readonly string[], entropies: readonly number[]) =>
  traceOf(texts.map((text, i) => ({ text, entropy: entropies[i]! })));

describe("two models with the same tokens", () => {
  const texts = ["So", " 24", " is", "."];
  const a = traces(texts, [2, 1, 0.1, 0.2]);
  const b = traces(texts, [2.5, 0.1, 3, 0.3]);

  it("gain, lose and keep forks", () => {
    const found = compareTraces(a, b, HALF);
    expect([...found.fate]).toEqual([
      FATE.kept,
      FATE.lost,
      FATE.gained,
      FATE.none,
    ]);
    expect(found).toMatchObject({
      sameTokens: true,
      kept: 1,
      gained: 1,
      lost: 1,
      overlap: 0.5,
    });
    expect(largestChanges(found, 2)).toEqual([2, 1]);
  });

  it("are cut by an entropy as well", () => {
    const found = compareTraces(a, b, { kind: "fixed", nats: 0.25 });
    expect(found).toMatchObject({ kept: 1, lost: 1, gained: 2, overlap: 0.5 });
    const none = compareTraces(a, b, { kind: "fixed", nats: 9 });
    expect(none.overlap).toBeNaN();
  });

  it("leave out tokens that either has no entropy for", () => {
    const first = traces(texts, [NaN, 1, 0.1, 0.2]);
    const found = compareTraces(first, b, HALF);
    expect([...found.rowA]).toEqual([1, 2, 3]);
    expect(found.fate).toHaveLength(3);
  });

  it("overlap as the trainer's figure has it, ties among them", () => {
    const random = generator(7);
    for (let round = 0; round < 50; round++) {
      const n = 1 + Math.floor(60 * random());
      const tokens = Array.from({ length: n }, () => "x");
      const some = () => tokens.map(() => Math.floor(8 * random()) / 4);
      const [x, y] = [some(), some()];
      const share = 0.1 + 0.4 * random();
      const { overlap } = compareTraces(traces(tokens, x), traces(tokens, y), {
        kind: "share",
        share,
      });
      expect(overlap).toBeCloseTo(forkOverlap(x, y, share), 12);
    }
  });
});

describe("two models with different tokens", () => {
  const a = traces(["So", " twenty", "four", "."], [1, 2, 3, 0]);
  const b = traces(["So", " twentyfour", "."], [0, 5, 4]);

  it("are compared where a token begins in both", () => {
    const found = compareTraces(a, b, HALF);
    expect(found.sameTokens).toBe(false);
    expect([...found.rowA]).toEqual([0, 1, 3]);
    expect([...found.rowB]).toEqual([0, 1, 2]);
    expect([...found.start]).toEqual([0, 2, 13]);
    expect([...found.end]).toEqual([2, 9, 14]);
    expect(found.tokens).toEqual({ a: 4, b: 3 });
  });

  it("pass over tokens that only continue a character", () => {
    const split: ScoredTrace = {
      ...traces(["x", "", "y"], [1, 2, 3]),
      start: Uint32Array.of(0, 2, 2),
      end: Uint32Array.of(2, 2, 3),
      textLength: 3,
    };
    const whole: ScoredTrace = {
      ...traces(["x", "y"], [3, 1]),
      start: Uint32Array.of(0, 2),
      end: Uint32Array.of(2, 3),
      textLength: 3,
    };
    const found = compareTraces(split, whole, HALF);
    expect([...found.rowA]).toEqual([0, 2]);
    expect([...found.rowB]).toEqual([0, 1]);
  });

  it("are refused where they are not of the same text", () => {
    expect(() => compareTraces(a, traces(["So"], [1]), HALF)).toThrow(
      RangeError,
    );
  });
});
