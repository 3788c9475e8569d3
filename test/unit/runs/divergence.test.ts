import { describe, expect, test } from "vitest";
import {
  COLLAPSED_ENTROPY,
  COLLAPSED_STEPS,
  divergenceOf,
  UNMIXED_STEPS,
} from "../../../core/run/divergence";
import type { MetricsLine } from "../../../core/run/folder";

/** So many steps, each with these quantities. */
function steps(count: number, quantities: object): MetricsLine[] {
  return Array.from({ length: count }, (_, i) => ({
    step: i + 1,
    time: i,
    loss: 0.1,
    entropy: 0.3,
    frac_reward_zero_std: 0.5,
    ...quantities,
  }));
}

describe("a run that goes wrong", () => {
  test.each([null, Number.NaN, "NaN", Infinity])("has a loss of %s", (loss) => {
    const found = divergenceOf(steps(1, { loss }));
    expect(found).toMatchObject({ kind: "loss", step: 1 });
  });

  test("has lost its entropy, and not for a moment only", () => {
    const low = { entropy: COLLAPSED_ENTROPY / 2 };
    const before = steps(10, {});
    const dip = [...before, ...steps(COLLAPSED_STEPS - 1, low)];
    expect(divergenceOf(dip)).toBeUndefined();
    const fall = [...before, ...steps(COLLAPSED_STEPS, low)];
    expect(divergenceOf(fall)?.kind).toBe("entropy");
    expect(divergenceOf(steps(10, { entropy: COLLAPSED_ENTROPY }))).toBe(
      undefined,
    );
  });

  test("has no group with mixed rewards, and not for a moment only", () => {
    const equal = { frac_reward_zero_std: 1 };
    const short = [...steps(9, {}), ...steps(UNMIXED_STEPS - 1, equal)];
    expect(divergenceOf(short)).toBeUndefined();
    expect(divergenceOf(steps(UNMIXED_STEPS, equal))?.kind).toBe("rewards");
  });
});

describe("a run in order", () => {
  test("is left alone, and so is one that has not begun", () => {
    expect(divergenceOf(steps(20, {}))).toBeUndefined();
    expect(divergenceOf([])).toBeUndefined();
  });

  test("may log none of this, as a baseline's line or another trainer's", () => {
    const bare = Array.from({ length: 9 }, (_, i) => ({ step: i, time: i }));
    expect(divergenceOf(bare)).toBeUndefined();
  });
});
