import { describe, expect, it } from "vitest";
import { cutTrace } from "../../../core/annotation/cut";
import { histogram } from "../../../core/annotation/histogram";
import { summarize } from "../../../core/annotation/statistics";
import {
  STATISTICS_IDS,
  statisticsHtml,
} from "../../../core/panels/statisticsHtml";
import {
  readFromStatisticsView,
  readToStatisticsView,
} from "../../../core/panels/statisticsProtocol";
import { LiveTrace } from "../../../extension/inspect/liveTrace";
import { nextPlaceOf } from "../../../extension/inspect/tokenPlaces";
import { scoredOf } from "../annotation/scoredFixture";

const SHARE = { kind: "share", share: 0.2 } as const;

describe("the messages of the view Entropy", () => {
  const messageOf = (tokens: [string, number][]) => {
    const scored = scoredOf(tokens);
    const cut = cutTrace(scored.entropy, SHARE);
    return {
      type: "show",
      trace: {
        document: "x.md",
        model: "m",
        isFresh: true,
        summary: summarize(scored, cut),
        histogram: histogram(cut.sorted),
      },
    };
  };

  it.each([
    [
      "a trace",
      messageOf([
        ["a", 1],
        ["a", 2],
        ["b", NaN],
      ]),
    ],
    ["a trace without an entropy", messageOf([["a", NaN]])],
    ["an empty trace", messageOf([])],
    ["nothing", { type: "nothing" }],
  ])("of %s come through as they are", (_, message) => {
    // By post they are cloned.
    expect(readToStatisticsView(structuredClone(message))).toEqual(message);
  });

  it("drop whatever else is posted", () => {
    const broken = messageOf([["a", 1]]) as { trace: object };
    for (const message of [
      null,
      "show",
      {},
      { type: "show" },
      { type: "ready" },
      { ...broken, trace: { ...broken.trace, histogram: { counts: "1" } } },
    ])
      expect(readToStatisticsView(message)).toBeUndefined();
    for (const message of [
      undefined,
      { type: "show" },
      { type: "revealToken" },
      { type: "revealToken", id: "1" },
      { type: "revealToken", id: 0.5 },
    ])
      expect(readFromStatisticsView(message)).toBeUndefined();
    const reveal = { type: "revealToken", id: 3 };
    expect(readFromStatisticsView(reveal)).toEqual(reveal);
  });
});

describe("the page", () => {
  const html = statisticsHtml({
    nonce: "N0nce",
    scriptUri: 'https://x/"><script>alert(1)</script>',
    styleUri: "https://x/a.css?a&b",
    cspSource: "https://x",
  });

  it("allows its own script and style sheet and nothing else", () => {
    expect(html).toContain(
      "default-src 'none'; style-src https://x 'nonce-N0nce'; script-src 'nonce-N0nce'; base-uri 'none'; form-action 'none'",
    );
    expect(html).not.toContain("unsafe");
    expect(html.match(/<script/g)).toHaveLength(1);
    expect(html).toContain('href="https://x/a.css?a&amp;b"');
    // Nothing inline that the policy would refuse.
    expect(html).not.toMatch(/\s(style|on\w+)=/);
  });

  it("has every element that the script looks up, once", () => {
    for (const id of Object.values(STATISTICS_IDS))
      expect(html.split(`id="${id}"`)).toHaveLength(2);
  });
});

describe("the histogram", () => {
  const counts = (values: number[], bins?: number) =>
    histogram(Float64Array.from(values).sort(), bins);

  it("counts every token once, edges to the right", () => {
    expect(counts([0, 0.25, 0.5, 0.75, 2], 4)).toEqual({
      binWidth: 0.5,
      counts: [2, 2, 0, 1],
    });
    expect(counts([0, 0.5, 0.999, 1, 7], 7)).toEqual({
      binWidth: 1,
      counts: [3, 1, 0, 0, 0, 0, 1],
    });
  });

  it("takes a round width, and stays within its number of bins", () => {
    for (let top = 0.001; top < 400; top *= 1.37) {
      const values = Array.from({ length: 500 }, (_, i) => (top * i) / 499);
      const { counts: bars, binWidth } = counts(values);
      expect(bars.length).toBeLessThanOrEqual(40);
      expect(bars.reduce((a, b) => a + b, 0)).toBe(500);
      expect(bars.length * binWidth).toBeGreaterThanOrEqual(top * (1 - 1e-9));
    }
  });

  it("has one bin for zeros alone and none for nothing", () => {
    expect(counts([0, 0]).counts).toEqual([2]);
    expect(counts([]).counts).toEqual([]);
  });
});

describe("the next place of a token", () => {
  const scored = scoredOf([
    ["so", 1],
    [" it", 1],
    ["so", 2],
    ["x", 1],
    ["", 3],
    ["so", 1],
  ]);
  const live = LiveTrace.of(scored, 10, SHARE);

  it("goes on from the cursor and around", () => {
    const starts = [-5, 0, 4, 5, 8, 50].map(
      (offset) => nextPlaceOf(live, 0, offset)?.start,
    );
    expect(starts).toEqual([0, 5, 5, 8, 0, 0]);
  });

  it("shows a part of a character by the whole, and knows what is not there", () => {
    const id = scored.ids[4]!;
    expect(nextPlaceOf(live, id, 0)).toEqual({ start: 7, end: 8 });
    expect(nextPlaceOf(live, 99, 0)).toBeUndefined();
  });

  it("follows an edit", () => {
    const edited = live.afterEdit(
      { offset: 10, removed: 2, inserted: 5 },
      true,
    );
    expect(nextPlaceOf(edited, 0, -1)?.start).toBe(8);
  });
});
