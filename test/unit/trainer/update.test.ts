import { describe, expect, it } from "vitest";
import { clippedObjective } from "../../../core/rl/objective";
import { planMicroBatches } from "../../../core/rl/microBatch";
import { type Override, readRunFile } from "../../../core/run/runFile";
import {
  completionLength,
  scoreSequences,
} from "../../../native/trainer/sequence";
import {
  split,
  type TrainingSequence,
  updatePolicy,
} from "../../../native/trainer/update";
import { bigramPolicy, type BigramPolicy } from "./bigramPolicy";

const never = new AbortController().signal;

function settings(...overrides: Override[]) {
  const read = readRunFile("model: m\ndata: {train: d}\nsteps: 4", overrides);
  if (!read.ok) throw new Error(JSON.stringify(read.errors));
  return read.settings;
}

/** Three sequences of one policy's own making; the second has no advantage. */
async function sequences(policy: BigramPolicy): Promise<TrainingSequence[]> {
  const rollouts = await policy.rollouts.generate(
    [Int32Array.of(1), Int32Array.of(2, 3), Int32Array.of(4)],
    {
      groupSize: 1,
      maxTokens: 8,
      temperature: 1,
      topP: 1,
      topK: 0,
      minP: 0,
      seed: 3,
      stopIds: [0],
    },
  );
  const prompts = [[1], [2, 3], [4]];
  return rollouts.map((sampled, i) => ({
    ids: Int32Array.from([...prompts[i]!, ...sampled.ids]),
    from: prompts[i]!.length,
    advantage: [1.5, 0, -0.5][i]!,
    sampled,
  }));
}

function update(
  policy: BigramPolicy,
  made: readonly TrainingSequence[],
  ...overrides: Override[]
) {
  return updatePolicy(policy.kernel, made, {
    settings: settings(...overrides),
    step: 1,
    updates: 0,
    signal: never,
    onActivity: () => undefined,
  });
}

const set = (field: string, value: string): Override => ({ field, value });

describe("updatePolicy", () => {
  it("on-policy needs no pass before the backward one, and sends only tokens with a gradient through the model", async () => {
    const policy = bigramPolicy();
    const made = await sequences(policy);
    const result = await update(policy, made, set("mask.rho", "0.5"));
    const bearing = made.map(
      ({ advantage }, i) =>
        (advantage !== 0 ? 1 : 0) *
        result.kept[i]!.reduce((sum, kept) => sum + kept, 0),
    );
    expect(policy.calls).toEqual([
      {
        kind: "accumulate",
        sequences: bearing.filter((count) => count > 0).length,
        targets: bearing[0]! + bearing[2]!,
      },
    ]);
    const tokens = made.reduce((sum, one) => sum + completionLength(one), 0);
    const kept = result.kept.flatMap((one) => [...one]);
    expect(kept.filter((one) => one === 1)).toHaveLength(Math.ceil(tokens / 2));
    expect(result.clipRatioLow + result.clipRatioHigh).toBe(0);
    expect(result.samplingDifference!.max).toBeLessThan(1e-6);
  });

  it("has the gradient that finite differences of the loss have", async () => {
    // A plain gradient step of a known size shows the gradient: delta -= lr * g.
    const policy = bigramPolicy();
    const made = await sequences(policy);
    const all = [
      set("objective.beta", "0.3"),
      set("objective.entropyCoefficient", "0.1"),
      set("mask.kind", "top"),
      set("mask.rho", "0.4"),
    ];
    // First move away from the base, so that the KL term has a gradient.
    await update(policy, made, set("optimizer.learningRate", "0.3"));
    let gradNorm = 0;
    const taken: number[][] = [];
    const { accumulate, optimizerStep } = policy.kernel;
    policy.kernel.accumulate = (batch, objective) =>
      accumulate(batch, (logprob, entropy) => {
        const found = objective(logprob, entropy);
        batch.targets.forEach((target, i) =>
          taken.push([
            batch.ids[target - 1]!,
            batch.ids[target]!,
            found.byLogprob[i]!,
            found.byEntropy[i]!,
          ]),
        );
        return found;
      });
    policy.kernel.optimizerStep = (s) => {
      const step = optimizerStep(s);
      ({ gradNorm } = step);
      return step;
    };
    const scored = await scoreSequences(policy.kernel, made, {
      temperature: 1,
      microBatchTokens: 100,
      base: false,
      signal: never,
    });
    const base = await scoreSequences(policy.kernel, made, {
      temperature: 1,
      microBatchTokens: 100,
      base: true,
      signal: never,
    });
    const fresh = made.map((one, i) => ({ ...one, sampled: scored[i]! }));
    const result = await update(policy, fresh, ...all);
    const kept = result.kept.flatMap((one) => [...one]);
    const logprob = scored.flatMap((one) => [...one.logprob]);
    const expected = clippedObjective(
      {
        offsets: made.reduce<number[]>(
          (at, one) => [...at, at.at(-1)! + completionLength(one)],
          [0],
        ),
        logprob,
        oldLogprob: logprob,
        baseLogprob: base.flatMap((one) => [...one.logprob]),
        entropy: scored.flatMap((one) => [...one.entropy]),
        advantage: made.map(({ advantage }) => advantage),
        kept,
      },
      { ...settings(...all).objective, loss: "dapo", denominator: "kept" },
    );
    expect(result.loss).toBeCloseTo(expected.loss, 12);
    expect(result.kl).toBeCloseTo(expected.kl, 12);
    expect(result.kl).toBeGreaterThan(0);
    expect(gradNorm).toBeGreaterThan(0);
    // KL and bonus are unmasked: every token bears a gradient.
    expect(taken).toHaveLength(kept.length);
    const sum = (values: ArrayLike<number>) =>
      Array.from(values).reduce((a, b) => a + b, 0);
    expect(sum(taken.map(([, , g]) => g!))).toBeCloseTo(
      sum(expected.byLogprob),
      12,
    );
    expect(sum(taken.map(([, , , h]) => h!))).toBeCloseTo(
      sum(expected.byEntropy),
      12,
    );
  });

  it("scores anew before each later mini-batch, and clips against the start of the step", async () => {
    const policy = bigramPolicy();
    const made = (await sequences(policy)).map((one) => ({
      ...one,
      advantage: 1,
    }));
    const result = await update(
      policy,
      [...made, ...made],
      set("miniBatches", "2"),
      set("mask.kind", "all"),
      set("optimizer.learningRate", "2"),
    );
    expect(policy.calls.map(({ kind, sequences: n }) => [kind, n])).toEqual([
      ["forward", 6],
      ["accumulate", 3],
      ["forward", 3],
      ...(policy.calls.length > 3 ? [["accumulate", expect.any(Number)]] : []),
    ]);
    // The same tokens, after a step of 2 towards them: most ratios have left the range.
    expect(result.clipRatioHigh).toBeGreaterThan(0.25);
  });

  it.each(["micro-batch", "mini-batch", "batch"])(
    "takes the threshold over the %s",
    async (pool) => {
      const policy = bigramPolicy();
      const made = await sequences(policy);
      // Two sequences pass at once; so small a step leaves the policy as it is.
      const result = await update(
        policy,
        [...made, ...made],
        set("miniBatches", "2"),
        set("mask.pool", pool),
        set("microBatchTokens", "16"),
        set("optimizer.learningRate", "1e-12"),
      );
      const lengths = [...made, ...made].map(completionLength);
      const padded = [...made, ...made].map(({ ids }) => ids.length);
      const halves = [
        [0, 1, 2],
        [3, 4, 5],
      ];
      const pools =
        pool === "batch"
          ? [halves.flat()]
          : pool === "mini-batch"
            ? halves
            : halves.flatMap((half) =>
                planMicroBatches(
                  half.map((i) => padded[i]!),
                  16,
                ).map((places) => places.map((place) => half[place]!)),
              );
      expect(pools.length).toBeGreaterThanOrEqual(
        { "micro-batch": 3, "mini-batch": 2, batch: 1 }[pool]!,
      );
      for (const members of pools) {
        const n = members.reduce((sum, i) => sum + lengths[i]!, 0);
        const kept = members.flatMap((i) => [...result.kept[i]!]);
        expect(kept.reduce((a, b) => a + b, 0)).toBe(Math.ceil(0.2 * n));
        const entropy = members.flatMap((i) => [...result.entropy[i]!]);
        const lowest = Math.min(...entropy.filter((_, t) => kept[t] === 1));
        entropy.forEach((nats, t) => {
          if (kept[t] === 0) expect(nats).toBeLessThanOrEqual(lowest + 1e-6);
        });
      }
    },
  );

  it("splits evenly", () => {
    expect(split(7, 3)).toEqual([
      [0, 1],
      [2, 3],
      [4, 5, 6],
    ]);
    expect(split(2, 5)).toEqual([[0], [1]]);
  });
});
