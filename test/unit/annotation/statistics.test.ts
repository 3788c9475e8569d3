import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  cutTrace,
  percentileOf,
  sortEntropies,
} from "../../../core/annotation/cut";
import {
  defaultMinimumSeen,
  mean,
  percentile,
  shareBelow,
  summarize,
  tokenMeans,
} from "../../../core/annotation/statistics";
import { scoredOf } from "./scoredFixture";

interface Case {
  name: string;
  entropy: (number | null)[];
  percentiles: number[];
  mean: number;
  median: number;
  shareBelow001: number;
  top: Record<string, number[]>;
  aboveFixed: number[];
  percentileOf: number[];
}

const fixture = JSON.parse(
  readFileSync(
    new URL("../../fixtures/statistics/statistics.json", import.meta.url),
    "utf8",
  ),
) as { percents: number[]; cases: Case[] };

const SHARES: Record<string, number> = {
  "1/5": 0.2,
  "1/10": 0.1,
  "1/2": 0.5,
  "1": 1,
  "7/50": 0.14,
};

describe.each(fixture.cases)("against numpy: $name", (expected) => {
  const entropy = Float32Array.from(expected.entropy, (one) => one ?? NaN);
  const sorted = sortEntropies(entropy);

  it("has numpy's percentiles", () => {
    fixture.percents.forEach((percent, i) => {
      expect(percentile(sorted, percent)).toBeCloseTo(
        expected.percentiles[i]!,
        12,
      );
    });
  });

  it("has the mean, the median and the share below 0.01", () => {
    expect(mean(entropy)).toBeCloseTo(expected.mean, 12);
    expect(percentile(sorted, 50)).toBeCloseTo(expected.median, 12);
    expect(shareBelow(sorted, 0.01)).toBeCloseTo(expected.shareBelow001, 14);
  });

  it.each(Object.entries(expected.top))(
    "takes the exact top %s",
    (name, top) => {
      const share = SHARES[name]!;
      const cut = cutTrace(entropy, { kind: "share", share });
      expect([...cut.forks]).toEqual(top);
      expect(cut.threshold).toBe(Math.min(...top.map((i) => entropy[i]!)));
      expect([...cut.isFork.keys()].filter((i) => cut.isFork[i])).toEqual(top);
    },
  );

  it("takes what is above a fixed cut", () => {
    const cut = cutTrace(entropy, { kind: "fixed", nats: 0.672 });
    expect([...cut.forks]).toEqual(expected.aboveFixed);
    expect(cut.threshold).toBe(0.672);
  });

  it("ranks each entropy", () => {
    const known = entropy.filter((one) => !Number.isNaN(one));
    known.forEach((one, i) => {
      expect(percentileOf(sorted, one)).toBeCloseTo(
        expected.percentileOf[i]!,
        10,
      );
    });
  });
});

describe("the cut's edges", () => {
  it("has no fork in a trace without entropies", () => {
    const cut = cutTrace(new Float32Array([NaN]), { kind: "share", share: 1 });
    expect(cut.forks).toHaveLength(0);
    expect(cut.threshold).toBeNaN();
  });

  it.each([
    { kind: "share", share: 0 },
    { kind: "share", share: 20 },
    { kind: "share", share: NaN },
    { kind: "fixed", nats: -1 },
    { kind: "fixed", nats: NaN },
  ] as const)("refuses $kind of $share$nats", (rule) => {
    expect(() => cutTrace(new Float32Array(3), rule)).toThrow(RangeError);
  });
});

describe("summarize", () => {
  const scored = scoredOf([
    ["Wait", NaN],
    ["So", 1],
    ["ing", 0],
    ["So", 3],
    ["ing", 0.005],
    ["the", 0.5],
    ["the", 0.5],
    ["x", 4],
    ["", 0.25],
    ["", 0.75],
  ]);

  it("sums up a trace worked out by hand", () => {
    const cut = cutTrace(scored.entropy, { kind: "share", share: 0.2 });
    const summary = summarize(scored, cut);
    expect(summary).toMatchObject({
      tokens: 10,
      scoredTokens: 9,
      cut: { kind: "share", value: 0.2, threshold: 3, forks: 2 },
      minimumSeen: 2,
      medianEntropy: 0.5,
    });
    expect(summary.meanEntropy).toBeCloseTo(10.005 / 9, 7);
    expect(summary.perplexity).toBeCloseTo(Math.exp(10.005 / 9), 6);
    expect(summary.shareBelow001).toBeCloseTo(2 / 9, 12);
    expect(summary.percentiles).toHaveLength(21);
    expect(summary.percentiles[20]).toEqual({ percent: 100, nats: 4 });
    expect(summary.topTokens.map((one) => [one.text, one.meanEntropy])).toEqual(
      [
        ["So", 2],
        ["the", 0.5],
        ["", 0.5],
        ["ing", expect.closeTo(0.0025, 8)],
      ],
    );
    expect(summary.bottomTokens[0]).toMatchObject({ text: "ing", count: 2 });
  });

  it("is JSON, also of a trace without a single entropy", () => {
    const bare = scoredOf([["Wait", NaN]]);
    const cut = cutTrace(bare.entropy, { kind: "share", share: 0.2 });
    const summary = summarize(bare, cut);
    expect(JSON.parse(JSON.stringify(summary))).toEqual(summary);
    expect(summary.meanEntropy).toBeNull();
    expect(summary.perplexity).toBeNull();
    expect(summary.cut.threshold).toBeNull();
    expect(summary.percentiles).toEqual([]);
  });

  it("lists a token only if it was seen often enough", () => {
    expect(tokenMeans(scored, 3)).toEqual([]);
    expect(tokenMeans(scored, 1)).toHaveLength(5);
    expect(defaultMinimumSeen(600)).toBe(2);
    expect(defaultMinimumSeen(20_000)).toBe(20);
    expect(defaultMinimumSeen(1_000_000)).toBe(100);
  });
});
