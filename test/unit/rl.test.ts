import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  type AdvantageScale,
  groupAdvantages,
  mixedGroups,
  overlongPenalty,
} from "../../core/rl/advantage";
import { entropyMask, topCount } from "../../core/rl/mask";
import {
  clippedObjective,
  logitsGradient,
  type ObjectiveSettings,
  sftObjective,
} from "../../core/rl/objective";

/** Computed by PyTorch: test/fixtures/rl/make_fixture.py. */
interface Fixture {
  advantages: ({
    groupSize: number;
    rewards: number[];
    rewardStd: number;
    fractionZeroStd: number;
  } & Record<AdvantageScale, number[]>)[];
  masks: {
    rho: number;
    entropy: number[];
    trlKept: number[];
    authorsCount: number;
  }[];
  objectives: {
    settings: ObjectiveSettings;
    temperature: number;
    offsets: number[];
    logits: number[][];
    ids: number[];
    oldLogprob: number[];
    baseLogprob: number[];
    advantage: number[];
    kept: number[];
    expected: {
      logprob: number[];
      entropy: number[];
      loss: number;
      logitsGradient: number[][];
      clipRatioLow: number;
      clipRatioHigh: number;
      kl: number;
    };
  }[];
}

const fixture = JSON.parse(
  readFileSync(new URL("../fixtures/rl/rl.json", import.meta.url), "utf8"),
) as Fixture;

function expectClose(
  got: ArrayLike<number>,
  wanted: ArrayLike<number>,
  tolerance: number,
): void {
  expect(got.length).toBe(wanted.length);
  for (let i = 0; i < wanted.length; i++) {
    expect(Math.abs(got[i]! - wanted[i]!)).toBeLessThanOrEqual(
      tolerance * Math.max(1, Math.abs(wanted[i]!)),
    );
  }
}

describe("advantages", () => {
  it.each(fixture.advantages)(
    "equal torch's in groups of $groupSize",
    (wanted) => {
      for (const scale of ["group", "batch", "none"] as const) {
        const got = groupAdvantages(wanted.rewards, wanted.groupSize, scale);
        expectClose(got.advantages, wanted[scale], 1e-9);
        expect(got.rewardStd).toBeCloseTo(wanted.rewardStd, 9);
        expect(got.fractionZeroStd).toBe(wanted.fractionZeroStd);
      }
    },
  );

  it("refuses rewards that do not divide into groups, or are not numbers", () => {
    expect(() => groupAdvantages([1, 0, 1], 2, "group")).toThrow(
      /do not divide/,
    );
    expect(() => groupAdvantages([1, NaN], 2, "group")).toThrow(/Reward 1/);
  });

  it("keeps only mixed groups under dynamic sampling", () => {
    expect(mixedGroups([1, 1, 0, 1, 0, 0], 2)).toEqual([1]);
  });

  it("penalises overlong completions as DAPO's Eq. 13 does", () => {
    expect(
      [80, 81, 90, 100, 101].map((n) => overlongPenalty(n, 100, 20)),
    ).toEqual([0, -0.05, -0.5, -1, -1]);
    expect(overlongPenalty(100, 100, 0)).toBe(0);
  });
});

describe("the entropy mask", () => {
  const never = () => {
    throw new Error("only the random mask draws");
  };

  it("keeps what TRL's get_high_entropy_mask keeps", () => {
    for (const { rho, entropy, trlKept } of fixture.masks) {
      const float32 = Float32Array.from(entropy);
      const got = entropyMask(
        float32,
        { kind: "top", rho, rule: "quantile" },
        never,
      );
      expect([...got.kept]).toEqual(trlKept);
    }
  });

  it("keeps exactly the authors' number of tokens, none below the threshold", () => {
    for (const { rho, entropy, authorsCount } of fixture.masks) {
      const got = entropyMask(
        entropy,
        { kind: "top", rho, rule: "exact" },
        never,
      );
      expect(got.keptCount).toBe(authorsCount);
      entropy.forEach((h, i) => {
        if (got.kept[i]) expect(h).toBeGreaterThanOrEqual(got.threshold);
        else expect(h).toBeLessThanOrEqual(got.threshold);
      });
      const rest = entropyMask(
        entropy,
        { kind: "bottom", rho, rule: "exact" },
        never,
      );
      expect([...rest.kept]).toEqual([...got.kept].map((k) => 1 - k));
    }
  });

  it("breaks ties by position", () => {
    const got = entropyMask(
      [1, 1, 1, 1, 1],
      { kind: "top", rho: 0.4, rule: "exact" },
      never,
    );
    expect([...got.kept]).toEqual([1, 1, 0, 0, 0]);
  });

  it("draws the random arm uniformly, as many tokens as the top has", () => {
    let state = 1;
    const random = () => {
      state = (state * 48271) % 2147483647;
      return state / 2147483647;
    };
    const counts = new Array<number>(10).fill(0);
    for (let i = 0; i < 5000; i++) {
      const { kept, keptCount } = entropyMask(
        new Float32Array(10),
        { kind: "random", rho: 0.2, rule: "exact" },
        random,
      );
      expect(keptCount).toBe(2);
      kept.forEach((k, j) => (counts[j]! += k));
    }
    // 1,000 expected each; five standard deviations of a binomial are 141.
    for (const count of counts)
      expect(Math.abs(count - 1000)).toBeLessThan(141);
  });

  it("refuses a rho outside (0, 1] and an entropy that is not a number", () => {
    expect(() =>
      entropyMask([1], { kind: "top", rho: 0, rule: "exact" }, never),
    ).toThrow(/rho/);
    expect(() =>
      entropyMask([1, NaN], { kind: "top", rho: 0.5, rule: "exact" }, never),
    ).toThrow(/token 1/);
  });

  it("is not misled by binary fractions", () => {
    expect(topCount(5, 0.2)).toBe(1);
    expect(topCount(15, 0.2)).toBe(3);
    expect(topCount(16, 0.2)).toBe(4);
    expect(topCount(1, 0.2)).toBe(1);
    expect(topCount(70, 0.1)).toBe(7);
  });
});

describe("the objective", () => {
  it.each(fixture.objectives)(
    "equals torch's autograd: $settings",
    ({ expected, logits, ids, temperature, settings, ...batch }) => {
      const got = clippedObjective(
        { ...batch, logprob: expected.logprob, entropy: expected.entropy },
        settings,
      );
      expect(got.loss).toBeCloseTo(expected.loss, 12);
      expect(got.clipRatioLow).toBeCloseTo(expected.clipRatioLow, 12);
      expect(got.clipRatioHigh).toBeCloseTo(expected.clipRatioHigh, 12);
      expect(got.kl).toBeCloseTo(expected.kl, 12);
      logits.forEach((row, t) => {
        const gradient = new Float64Array(row.length);
        logitsGradient(
          row,
          ids[t]!,
          temperature,
          got.byLogprob[t]!,
          got.byEntropy[t]!,
          gradient,
        );
        expectClose(gradient, expected.logitsGradient[t]!, 1e-12);
      });
    },
  );

  it("stays finite where a probability underflows to 0", () => {
    const gradient = new Float64Array(2);
    logitsGradient([0, -2000], 0, 1, 1, 1, gradient);
    expect([...gradient]).toEqual([0, 0]);
  });

  it("refuses columns that do not fit", () => {
    const { settings, ...batch } = fixture.objectives[0]!;
    expect(() =>
      clippedObjective({ ...batch, logprob: [0], entropy: [0] }, settings),
    ).toThrow(/do not fit/);
  });

  it("has an SFT arm with a mask", () => {
    const got = sftObjective([-1, -2, -3], [1, 0, 1], "kept");
    expect(got.loss).toBe(2);
    expect([...got.byLogprob]).toEqual([-0.5, 0, -0.5]);
  });
});
