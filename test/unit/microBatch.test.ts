import { describe, expect, it } from "vitest";
import { planMicroBatches } from "../../core/rl/microBatch";
import { seeded } from "./seeded";

describe("planMicroBatches", () => {
  it("puts sequences of like length together within the padded size", () => {
    expect(planMicroBatches([3, 100, 4, 90, 5], 200)).toEqual([
      [1, 3],
      [4, 2, 0],
    ]);
    expect(planMicroBatches([500, 2, 2], 100)).toEqual([[0], [1, 2]]);
    expect(planMicroBatches([], 100)).toEqual([]);
    expect(() => planMicroBatches([1], 0)).toThrow(RangeError);
  });

  it("keeps every sequence once and no micro-batch too large, with little padding", () => {
    const random = seeded(3);
    const lengths = Array.from({ length: 300 }, () =>
      Math.ceil(400 * random()),
    );
    const plan = planMicroBatches(lengths, 4096);
    expect(plan.flat().sort((a, b) => a - b)).toEqual([...lengths.keys()]);
    let padded = 0;
    for (const indices of plan) {
      const longest = Math.max(...indices.map((i) => lengths[i]!));
      expect(longest * indices.length).toBeLessThanOrEqual(4096);
      padded += longest * indices.length;
    }
    const tokens = lengths.reduce((sum, length) => sum + length, 0);
    expect(padded / tokens).toBeLessThan(1.1);
  });
});
