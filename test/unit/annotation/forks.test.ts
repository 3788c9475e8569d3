import { describe, expect, it } from "vitest";
import { cutTrace } from "../../../core/annotation/cut";
import {
  forkIndexAt,
  listForks,
  nextFork,
  orderForks,
  previousFork,
} from "../../../core/annotation/forks";
import { paragraphs } from "../../../core/annotation/paragraphs";
import { scoredOf } from "./scoredFixture";

const FIXED = { kind: "fixed", nats: 1 } as const;

describe("forks as places", () => {
  const scored = scoredOf([
    ["", 9],
    ["So", 2],
    [" we", 0.1],
    [" ", 0.1],
    ["\u{1f600}", 3],
    ["", 5],
    [" then", 2],
    [".", NaN],
  ]);
  const forks = listForks(scored, cutTrace(scored.entropy, FIXED));

  it("is one place per character, with the highest entropy, and none without text", () => {
    expect(forks).toEqual([
      { token: 1, start: 0, end: 2, entropy: 2 },
      { token: 5, start: 6, end: 8, entropy: 5 },
      { token: 6, start: 8, end: 13, entropy: 2 },
    ]);
  });

  it("orders by entropy, ties by position", () => {
    const starts = orderForks(forks, "entropy").map((one) => one.start);
    expect(starts).toEqual([6, 0, 8]);
    const back = orderForks(orderForks(forks, "entropy"), "position");
    expect(back).toEqual(forks);
  });

  it("goes forwards and backwards from any offset, and around", () => {
    expect(nextFork(forks, -1)?.start).toBe(0);
    expect(nextFork(forks, 0)?.start).toBe(6);
    expect(nextFork(forks, 7)?.start).toBe(8);
    expect(nextFork(forks, 8)?.start).toBe(0);
    expect(nextFork(forks, 8, false)).toBeUndefined();
    expect(previousFork(forks, 8)?.start).toBe(6);
    expect(previousFork(forks, 7)?.start).toBe(6);
    expect(previousFork(forks, 0)?.start).toBe(8);
    expect(previousFork(forks, 0, false)).toBeUndefined();
    expect(nextFork([], 0)).toBeUndefined();
    expect(previousFork([], 0)).toBeUndefined();
  });

  it("says which fork the cursor is at", () => {
    const at = [-1, 0, 5, 6, 7, 99].map((one) => forkIndexAt(forks, one));
    expect(at).toEqual([-1, 0, 0, 1, 1, 2]);
  });
});

describe("paragraphs", () => {
  it("gives every token to one paragraph", () => {
    const scored = scoredOf([
      ["\n", NaN],
      ["One", 2],
      ["\n", 0],
      ["more", 1],
      ["\n \n\n", 3],
      ["Two", 0.5],
      ["\r\n\r\n", 0],
      ["Three", NaN],
    ]);
    const cut = cutTrace(scored.entropy, FIXED);
    const parts = paragraphs(scored.text, scored, cut);
    expect(parts.map((one) => scored.text.slice(one.start, one.end))).toEqual([
      "One\nmore",
      "Two",
      "Three",
    ]);
    expect(parts.map((one) => one.tokens)).toEqual([5, 2, 1]);
    expect(parts.map((one) => one.meanEntropy)).toEqual([1.5, 0.25, null]);
    expect(parts.map((one) => one.forks)).toEqual([2, 0, 0]);
  });

  it("has none in a blank text", () => {
    const scored = scoredOf([["\n \n", 1]]);
    const cut = cutTrace(scored.entropy, FIXED);
    expect(paragraphs(scored.text, scored, cut)).toEqual([]);
  });
});
