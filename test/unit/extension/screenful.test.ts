import { describe, expect, it } from "vitest";
import { LineIndex } from "../../../extension/inspect/lineIndex";
import { LiveTrace } from "../../../extension/inspect/liveTrace";
import {
  covers,
  forkLines,
  screenful,
  withMargin,
} from "../../../extension/inspect/screenful";
import { traceOf } from "./tokenised";

const TOP_HALF = { kind: "share", share: 0.5 } as const;

describe("withMargin", () => {
  it("adds a screen on both sides, within the document, and joins what overlaps", () => {
    expect(withMargin([{ start: 50_000, end: 60_000 }], 100_000)).toEqual([
      { start: 40_000, end: 70_000 },
    ]);
    expect(withMargin([{ start: 100, end: 300 }], 1000)).toEqual([
      { start: 0, end: 1000 },
    ]);
    expect(
      withMargin(
        [
          { start: 10_000, end: 11_000 },
          { start: 15_000, end: 16_000 },
          { start: 90_000, end: 91_000 },
        ],
        100_000,
      ),
    ).toEqual([
      { start: 6000, end: 20_000 },
      { start: 86_000, end: 95_000 },
    ]);
  });

  it("tells whether a scroll stays within what is painted", () => {
    const painted = [{ start: 100, end: 200 }];
    expect(covers(painted, [{ start: 100, end: 200 }])).toBe(true);
    expect(covers(painted, [{ start: 150, end: 201 }])).toBe(false);
  });
});

describe("screenful", () => {
  // The header stands before the region, on two lines of its own.
  const header = "Record 1\n\n";
  const trace = traceOf([
    { text: "So", entropy: 0.001 },
    { text: " wait", entropy: 3 },
    { text: "\n", entropy: 0.05 },
    { text: "no", entropy: 1 },
    { text: " 4", entropy: 0.05 },
    { text: "2", entropy: 0.05 },
  ]);
  const text = `${header}So wait\nno 42`;
  const lines = new LineIndex(text);
  const live = LiveTrace.of(trace, header.length, TOP_HALF);
  const all = [{ start: 0, end: text.length }];
  const shown = (ranges: readonly { start: object; end: object }[]) =>
    ranges.map(({ start, end }) =>
      text.slice(lines.offsetAt(start as never), lines.offsetAt(end as never)),
    );

  it("colours the forks at their lines and leaves the rest and the header bare", () => {
    const { buckets, forks } = screenful(live, lines, "forks", all);
    expect(shown(forks)).toEqual([" wait\nno"]);
    expect(forks[0]!.start).toEqual({ line: 2, character: 2 });
    expect(buckets.map(shown)).toEqual([[], ["\n"], [], [], ["no"], [" wait"]]);
  });

  it("colours every token but the bare ones as heat, neighbours of one colour joined", () => {
    const { buckets } = screenful(live, lines, "heat", all);
    expect(buckets.map(shown)).toEqual([
      [],
      ["\n", " 42"],
      [],
      [],
      ["no"],
      [" wait"],
    ]);
  });

  it("marks the lines with forks for the ruler, neighbouring ones joined", () => {
    expect(forkLines(live, lines)).toEqual([[2, 3]]);
    const one = live.withCut({ kind: "fixed", nats: 2 });
    expect(forkLines(one, lines)).toEqual([[2, 2]]);
  });

  it("paints no more than the screen and its margin of a long document", () => {
    const words = Array.from({ length: 50_000 }, (_, i) => ({
      text: i % 10 === 9 ? "\n" : " ab",
      entropy: i % 5,
    }));
    const long = traceOf(words);
    const body = words.map((word) => word.text).join("");
    const index = new LineIndex(body);
    const place = { start: 60_000, end: 62_000 };
    const painting = screenful(LiveTrace.of(long, 0, TOP_HALF), index, "heat", [
      place,
    ]);
    const offsets = painting.buckets.flatMap((bucket) =>
      bucket.flatMap(({ start, end }) => [
        index.offsetAt(start),
        index.offsetAt(end),
      ]),
    );
    expect(offsets.length).toBeGreaterThan(100);
    expect(Math.min(...offsets)).toBeGreaterThanOrEqual(place.start - 4003);
    expect(Math.max(...offsets)).toBeLessThanOrEqual(place.end + 4003);
  });
});
