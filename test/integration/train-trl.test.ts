/**
 * The embedded trainer against TRL's own code on the same weights, rollouts and advantages (test/fixtures/trl): masks,
 * thresholds, loss, clip ratios and gradients.
 */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  entropyMask,
  type MaskKind,
  type ThresholdRule,
} from "../../core/rl/mask";
import {
  clippedObjective,
  type Denominator,
  type LossKind,
  type ObjectiveResult,
} from "../../core/rl/objective";
import {
  fixtureBatch,
  openFixture,
  relativeError,
  trainFixture,
} from "./openTraining";

/** What test/fixtures/trl/make_fixture.py writes. */
interface TrlFixture {
  readonly masks: readonly {
    readonly rho: number;
    /** nats, by sequence; a sequence may be empty. */
    readonly entropies: readonly (readonly number[])[];
    readonly kept: readonly (readonly number[])[];
    readonly threshold: number | null;
  }[];
  readonly losses: readonly {
    /** trl: as it is. forksight_trl: through the overrides of python/. */
    readonly trainer: string;
    readonly loss: LossKind;
    readonly kind: MaskKind;
    readonly rho: number;
    readonly rule: ThresholdRule;
    readonly denominator: Denominator;
    readonly beta: number;
    readonly keptTokens: readonly number[];
    readonly expectedLoss: number;
    readonly clipRatioLow: number;
    readonly clipRatioHigh: number;
    readonly gradients: Readonly<Record<string, readonly number[]>>;
  }[];
}

const trl = JSON.parse(
  readFileSync(new URL("../fixtures/trl/trl.json", import.meta.url), "utf8"),
) as TrlFixture;

const noDraw = () => {
  throw new Error("only the random mask draws");
};

test("masks and thresholds by quantile are those of get_high_entropy_mask", () => {
  expect(trl.masks.some(({ entropies }) => entropies.flat().length === 0)).toBe(
    true,
  );
  for (const { rho, entropies, kept, threshold } of trl.masks) {
    const mask = entropyMask(
      Float32Array.from(entropies.flat()),
      { kind: "top", rho, rule: "quantile" },
      noDraw,
    );
    expect([...mask.kept]).toEqual(kept.flat());
    if (threshold === null) expect(mask.threshold).toBeNaN();
    else expect(mask.threshold).toBeCloseTo(threshold, 5);
  }
});

describe("on the same weights, rollouts and advantages", () => {
  test.each(trl.losses)(
    "$trainer: $loss, $kind $rho by $rule, divided by $denominator, beta $beta",
    async (expected) => {
      const fixture = trainFixture("qwen3");
      const kernel = await openFixture("qwen3", fixture);
      const offsets = [0];
      for (const [s, ids] of fixture.sequences.entries())
        offsets.push(offsets[s]! + ids.length - fixture.prompts[s]!);
      let kept: Uint8Array = new Uint8Array(0);
      let result: ObjectiveResult | undefined;
      await kernel.accumulate(fixtureBatch(fixture), (logprob, entropy) => {
        kept = entropyMask(entropy, expected, noDraw).kept;
        result = clippedObjective(
          {
            offsets,
            logprob,
            entropy,
            kept,
            oldLogprob: fixture.oldLogprob,
            baseLogprob: fixture.baseLogprob,
            advantage: fixture.advantage,
          },
          { ...expected, clipLow: 0.2, clipHigh: 0.28, entropyCoefficient: 0 },
        );
        return result;
      });
      expect([...kept]).toEqual(expected.keptTokens);
      const { expectedLoss } = expected;
      expect(Math.abs(result!.loss - expectedLoss)).toBeLessThan(
        1e-4 * Math.abs(expectedLoss),
      );
      expect(result!.clipRatioLow).toBeCloseTo(expected.clipRatioLow, 6);
      expect(result!.clipRatioHigh).toBeCloseTo(expected.clipRatioHigh, 6);
      const names = Object.keys(expected.gradients);
      expect(names).toHaveLength(14);
      for (const name of names) {
        const error = relativeError(
          kernel.gradient(name),
          expected.gradients[name]!,
        );
        expect(error, name).toBeLessThan(1e-4);
      }
      kernel.free();
    },
  );
});
