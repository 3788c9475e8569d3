/** The host's reduction alone, at a real vocabulary and at hard rows, against sums in float64. */
import { beforeAll, describe, expect, it } from "vitest";
import type { Addon } from "../../native/addon/binding";
import { loadAddon } from "../../native/addon/load";

let addon: Addon;
beforeAll(() => {
  addon = loadAddon();
});

/** Reproducible numbers in (0, 1). */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
}

/** `vocabulary` logits from a normal distribution of that deviation. */
function normalRow(vocabulary: number, deviation: number, seed: number) {
  const next = random(seed);
  return Float32Array.from(
    { length: vocabulary },
    () =>
      deviation *
      Math.sqrt(-2 * Math.log(next())) *
      Math.cos(2 * Math.PI * next()),
  );
}

/** The same quantities by plain sums in float64. */
function reference(row: Float32Array, target: number, temperature: number) {
  const z = Float64Array.from(row, (logit) => logit / temperature);
  const maximum = z.reduce((a, b) => Math.max(a, b), -Infinity);
  const logSum =
    maximum + Math.log(z.reduce((sum, v) => sum + Math.exp(v - maximum), 0));
  const entropy = z.reduce((sum, v) => {
    const p = Math.exp(v - logSum);
    return p > 0 ? sum - p * (v - logSum) : sum;
  }, 0);
  const order = [...row.keys()].sort((a, b) => row[b]! - row[a]! || a - b);
  return {
    entropy,
    logprob: z[target]! - logSum,
    rank: 1 + row.reduce((n, v) => n + (v > row[target]! ? 1 : 0), 0),
    order,
    logprobs: order.map((id) => z[id]! - logSum),
  };
}

function expectRow(
  row: Float32Array,
  target: number,
  temperature: number,
  topK: number,
) {
  const got = addon.reduceLogits(row, Int32Array.of(target), temperature, topK);
  const want = reference(row, target, temperature);
  expect(Math.abs(got.entropy[0]! - want.entropy)).toBeLessThan(3e-6);
  const close = (a: number, b: number) =>
    a === b || Math.abs(a - b) <= 1e-6 * Math.max(1, Math.abs(b));
  expect(close(got.logprob[0]!, want.logprob)).toBe(true);
  expect(got.rank[0]).toBe(want.rank);
  expect([...got.topIds]).toEqual(want.order.slice(0, topK));
  got.topLogprobs.forEach((value, i) =>
    expect(close(value, want.logprobs[i]!)).toBe(true),
  );
}

describe("a vocabulary of 151,936", () => {
  it.each([0.01, 1, 3, 12])("is right at a deviation of %f", (deviation) => {
    const row = normalRow(151_936, deviation, 7);
    for (const temperature of [1, 0.3, 2])
      expectRow(row, 4321, temperature, 10);
  });

  it("is right far from zero, where float sums would not be", () => {
    const row = normalRow(151_936, 2, 9).map((logit) => logit + 300);
    expectRow(row, 0, 1, 10);
  });

  it("gives ln(vocabulary) for equal logits, ties in the order of ids", () => {
    const row = new Float32Array(151_936).fill(-3.5);
    const got = addon.reduceLogits(row, Int32Array.of(77), 1, 5);
    expect(got.entropy[0]).toBeCloseTo(Math.log(151_936), 5);
    expect(got.rank[0]).toBe(1);
    expect([...got.topIds]).toEqual([0, 1, 2, 3, 4]);
  });

  it("takes every token as top-k", () => {
    const row = normalRow(151_936, 3, 11);
    expectRow(row, 151_935, 1, 151_936);
  });
});

describe("hard rows", () => {
  it.each([1, 2, 15, 16, 17, 1023, 1024, 1025, 2049])(
    "is right at a vocabulary of %i",
    (vocabulary) => {
      const row = normalRow(vocabulary, 2, vocabulary);
      for (const topK of [0, 1, vocabulary]) {
        expectRow(row, vocabulary - 1, 1, Math.min(topK, vocabulary));
      }
    },
  );

  it("counts only strictly larger logits in the rank", () => {
    const row = Float32Array.of(2, 1, 1, 1, 0);
    const got = addon.reduceLogits(row, Int32Array.of(2), 1, 4);
    expect(got.rank[0]).toBe(2);
    expect([...got.topIds]).toEqual([0, 1, 2, 3]);
  });

  it("takes minus infinity as a token that cannot occur", () => {
    const row = Float32Array.of(0, -Infinity, 0, -Infinity);
    const got = addon.reduceLogits(row, Int32Array.of(1), 1, 4);
    expect(got.entropy[0]).toBeCloseTo(Math.LN2, 6);
    expect(got.logprob[0]).toBe(-Infinity);
    expect(got.rank[0]).toBe(3);
    expect([...got.topIds]).toEqual([0, 2, 1, 3]);
  });

  it("gives no entropy below zero and none where one token has it all", () => {
    const row = new Float32Array(50_000).fill(-200);
    row[123] = 200;
    const got = addon.reduceLogits(row, Int32Array.of(123), 1, 1);
    expect(got.entropy[0]).toBeGreaterThanOrEqual(0);
    expect(got.entropy[0]).toBeLessThan(1e-30);
    expect(got.logprob[0]).toBeCloseTo(0, 6);
  });

  it("refuses a row that is no distribution", () => {
    for (const bad of [Number.NaN, Infinity]) {
      const row = normalRow(2000, 1, 3);
      row[1500] = bad;
      expect(() => addon.reduceLogits(row, Int32Array.of(0), 1, 1)).toThrow(
        /no distribution/,
      );
    }
    const none = new Float32Array(20).fill(-Infinity);
    expect(() => addon.reduceLogits(none, Int32Array.of(0), 1, 1)).toThrow(
      /no distribution/,
    );
  });

  it("takes several rows at once", () => {
    const rows = normalRow(3 * 500, 2, 21);
    const got = addon.reduceLogits(rows, Int32Array.of(1, 2, 3), 1, 2);
    for (let row = 0; row < 3; row++) {
      const want = reference(
        rows.subarray(row * 500, (row + 1) * 500),
        row + 1,
        1,
      );
      expect(got.entropy[row]).toBeCloseTo(want.entropy, 5);
      expect(got.rank[row]).toBe(want.rank);
      expect(got.topIds[row * 2 + 1]).toBe(want.order[1]);
    }
    expect(["avx512", "avx2", "baseline"]).toContain(got.instructionSet);
  });
});
