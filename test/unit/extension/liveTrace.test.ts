import { describe, expect, it } from "vitest";
import { LiveTrace } from "../../../extension/inspect/liveTrace";
import { generator, traceOf, traceOfText } from "./tokenised";

const TOP_HALF = { kind: "share", share: 0.5 } as const;

/** Live index, the text that stands at its place now, and the text it was measured for. */
function placesOf(live: LiveTrace, text: string) {
  return Array.from(live.columns.start, (start, i) => {
    const from = live.region.start + start;
    const to = live.region.start + live.columns.end[i]!;
    return {
      shown: text.slice(from, to),
      measured: live.trace.pieces.get(live.trace.ids[live.rowOf(i)]!),
    };
  });
}

describe("LiveTrace", () => {
  it("keeps every colour on the characters it was measured for, whatever is edited", () => {
    const random = generator(7);
    for (let round = 0; round < 200; round++) {
      const before = "before it stands a prompt. ";
      const inner = "we try 3 + 4, no, wait: 7 * 5 fits better. so be it.";
      const after = " and this follows";
      let text = before + inner + after;
      const whole = random() < 0.3;
      const scored = whole ? text : inner;
      let live = LiveTrace.of(
        traceOfText(scored, round + 1),
        whole ? 0 : before.length,
        TOP_HALF,
      );
      for (let edit = 0; edit < 6; edit++) {
        const offset = Math.floor(random() * (text.length + 1));
        const removed = Math.floor(
          random() * Math.min(12, text.length - offset + 1),
        );
        const inserted = random() < 0.4 ? "" : "xyzzy".slice(random() * 5);
        text = text.slice(0, offset) + inserted + text.slice(offset + removed);
        live = live.afterEdit(
          { offset, removed, inserted: inserted.length },
          whole,
        );
        for (const { shown, measured } of placesOf(live, text))
          expect(shown).toBe(measured);
        if (whole) expect(live.region).toEqual({ start: 0, end: text.length });
        expect(live.region.end).toBeLessThanOrEqual(text.length);
        expect(live.region.end - live.region.start).toBe(
          live.columns.textLength,
        );
      }
    }
  });

  it("drops only the tokens that an edit touches", () => {
    const live = LiveTrace.of(traceOfText("one two three"), 0, TOP_HALF);
    const within = live.afterEdit({ offset: 5, removed: 0, inserted: 1 }, true);
    expect(placesOf(within, "one tXwo three").map((p) => p.shown)).toEqual([
      "one",
      " three",
    ]);
    const between = live.afterEdit(
      { offset: 3, removed: 0, inserted: 4 },
      true,
    );
    expect(placesOf(between, "one abc two three").map((p) => p.shown)).toEqual([
      "one",
      " two",
      " three",
    ]);
    expect(live.isFresh).toBe(true);
    expect(between.isFresh).toBe(false);
  });

  it("keeps forks on their tokens and lets the threshold stand", () => {
    const trace = traceOf([
      { text: "a", entropy: 3 },
      { text: "b", entropy: 0.1 },
      { text: "c", entropy: 2 },
      { text: "d", entropy: 0.2 },
    ]);
    const live = LiveTrace.of(trace, 10, TOP_HALF);
    expect(live.forks.map((fork) => fork.start)).toEqual([0, 2]);
    const edited = live.afterEdit(
      { offset: 11, removed: 1, inserted: 0 },
      false,
    );
    expect(edited.forks).toMatchObject([
      { token: 0, start: 0 },
      { token: 1, start: 1, entropy: 2 },
    ]);
    expect(edited.cut.threshold).toBe(live.cut.threshold);
    const recut = edited.withCut({ kind: "fixed", nats: 2.5 });
    expect(recut.forks).toMatchObject([{ token: 0, entropy: 3 }]);
  });

  it("moves a selection's region with edits before it and leaves it alone for edits behind it", () => {
    const live = LiveTrace.of(traceOfText("one two"), 100, TOP_HALF);
    const moved = live.afterEdit(
      { offset: 20, removed: 2, inserted: 7 },
      false,
    );
    expect(moved.region).toEqual({ start: 105, end: 112 });
    expect(moved.isFresh).toBe(true);
    expect(
      live.afterEdit({ offset: 107, removed: 0, inserted: 3 }, false),
    ).toBe(live);
    const grown = live.afterEdit(
      { offset: 107, removed: 0, inserted: 3 },
      true,
    );
    expect(grown.region).toEqual({ start: 100, end: 110 });
  });

  it("drops the tokens that share a split character together", () => {
    const trace = traceOf([
      { text: "a", entropy: 1 },
      { text: "😀", entropy: 1 },
      { text: "", entropy: 2 },
      { text: "b", entropy: 1 },
    ]);
    const live = LiveTrace.of(trace, 0, TOP_HALF).afterEdit(
      { offset: 1, removed: 2, inserted: 0 },
      true,
    );
    expect(placesOf(live, "ab").map((p) => p.measured)).toEqual(["a", "b"]);
  });
});
