import { describe, expect, it } from "vitest";
import { entropyChangeByBin, forkOverlap } from "../../../core/rl/compare";
import { learningRateAt } from "../../../core/rl/schedule";
import { deriveSeed, shuffled, uniform } from "../../../core/rl/seed";

describe("learningRateAt", () => {
  const rates = (schedule: "constant" | "cosine" | "linear", warmupSteps = 0) =>
    [0, 1, 2, 3, 4, 9].map((update) =>
      Number(
        learningRateAt(update, 10, {
          learningRate: 1,
          schedule,
          warmupSteps,
        }).toFixed(9),
      ),
    );

  // transformers.get_scheduler(name, optimizer, num_warmup_steps=..., num_training_steps=10).get_last_lr() after n steps.
  it("is transformers' own", () => {
    expect(rates("constant", 2)).toEqual([0, 0.5, 1, 1, 1, 1]);
    expect(rates("linear", 2)).toEqual([0, 0.5, 1, 0.875, 0.75, 0.125]);
    expect(rates("cosine", 2)).toEqual([
      0, 0.5, 1, 0.961939766, 0.853553391, 0.038060234,
    ]);
    expect(rates("cosine")).toEqual([
      1, 0.975528258, 0.904508497, 0.793892626, 0.654508497, 0.024471742,
    ]);
  });
});

describe("seeds", () => {
  it("differ by every argument and are the same for the same ones", () => {
    const seeds = [
      deriveSeed(1, 2, "rollout", 3),
      deriveSeed(2, 1, "rollout", 3),
      deriveSeed(1, 3, "rollout", 2),
      deriveSeed(1, 2, "mask", 3),
      deriveSeed(1, 2, "rollout"),
    ];
    expect(new Set(seeds).size).toBe(seeds.length);
    expect(deriveSeed(1, 2, "rollout", 3)).toBe(seeds[0]);
    for (const seed of seeds) expect(seed).toBe(seed >>> 0);
  });

  it("give even numbers and whole permutations", () => {
    const next = uniform(7);
    const counts = new Array<number>(10).fill(0);
    for (let i = 0; i < 10_000; i++) counts[Math.floor(next() * 10)]!++;
    // 5 standard deviations of a binomial count.
    for (const n of counts) expect(Math.abs(n - 1000)).toBeLessThan(150);
    const order = shuffled(50, uniform(1));
    expect([...order].sort((a, b) => a - b)).toEqual([...Array(50).keys()]);
    expect([...order]).not.toEqual([...Array(50).keys()]);
  });
});

describe("comparison with the base", () => {
  it("counts the forks that stay", () => {
    const base = [5, 1, 4, 0, 3, 2, 0, 0, 0, 0];
    expect(forkOverlap(base, base, 0.2)).toBe(1);
    // The top two were 0 and 2; now they are 0 and 4.
    expect(forkOverlap(base, [5, 1, 2, 0, 3, 2, 0, 0, 0, 0], 0.2)).toBe(0.5);
    expect(forkOverlap(base, [0, 9, 0, 9, 0, 0, 0, 0, 0, 0], 0.2)).toBe(0);
    expect(forkOverlap([], [], 0.2)).toBeNaN();
    expect(() => forkOverlap([1], [], 0.2)).toThrow(RangeError);
  });

  it("averages the change over twentieths of the tokens by base entropy", () => {
    const base = Array.from({ length: 40 }, (_, i) => (i * 7) % 40);
    const current = base.map((h) => h + h * h);
    const change = entropyChangeByBin(base, current);
    expect(change).toHaveLength(20);
    for (let bin = 0; bin < 20; bin++) {
      const [low, high] = [2 * bin, 2 * bin + 1];
      expect(change[bin]).toBeCloseTo((low ** 2 + high ** 2) / 2, 9);
    }
    expect(
      entropyChangeByBin([1], [3]).filter((value) => value !== null),
    ).toEqual([2]);
  });
});
