/** A step's line of metrics, from what its parts found. */
import { percentile, SUMMARY_PERCENTS } from "../../core/annotation/statistics";
import { entropyMask } from "../../core/rl/mask";
import type { MetricsLine } from "../../core/run/folder";
import type { RunSettings } from "../../core/run/settings";
import type { Collected } from "./collect";
import type { UpdateResult } from "./update";

/** What a step was, beside its update. */
export interface StepFacts {
  readonly step: number;
  readonly settings: RunSettings;
  /** undefined for supervised fine-tuning. */
  readonly collected: Collected | undefined;
  readonly updated: UpdateResult;
  /** Tokens of this step, and of all steps so far. */
  readonly tokens: number;
  readonly numTokens: number;
  /** Seconds. */
  readonly rolloutTime: number;
  readonly totalTime: number;
}

/** The line without what is found only every n steps. */
export function metricsLine(facts: StepFacts): MetricsLine {
  const { step, settings, collected, updated } = facts;
  const offPolicy = settings.objective.loss !== "sft";
  return {
    step,
    time: Date.now() / 1000,
    loss: updated.loss,
    ...(collected && {
      reward: collected.reward,
      reward_std: collected.rewardStd,
      frac_reward_zero_std: collected.fractionZeroStd,
      "completions/mean_length": collected.meanLength,
      "completions/clipped_ratio": collected.clippedRatio,
    }),
    ...entropyMetrics(updated, settings.mask.rho),
    ...(offPolicy && {
      "clip_ratio/low_mean": updated.clipRatioLow,
      "clip_ratio/high_mean": updated.clipRatioHigh,
    }),
    ...(offPolicy && settings.objective.beta !== 0 && { kl: updated.kl }),
    ...(updated.samplingDifference && {
      "sampling/sampling_logp_difference/mean": updated.samplingDifference.mean,
      "sampling/sampling_logp_difference/max": updated.samplingDifference.max,
    }),
    grad_norm: updated.gradNorm,
    learning_rate: updated.learningRate,
    num_tokens: facts.numTokens,
    tokens_per_second: facts.tokens / facts.totalTime,
    step_time: facts.totalTime,
    "step_time/rollout": facts.rolloutTime,
    "step_time/score": updated.scoreTime,
    "step_time/update": updated.updateTime,
    ...(settings.objective.dynamicSampling &&
      collected && { groups_sampled: collected.groupsSampled }),
  };
}

/**
 * Forking and rest are the top rho of the step's tokens and the others, whatever the run's mask is, so that arms compare.
 */
function entropyMetrics(
  { entropy, kept, threshold }: UpdateResult,
  rho: number,
): Partial<MetricsLine> {
  const all = Float64Array.from(entropy.flatMap((one) => [...one]));
  const n = all.length;
  if (n === 0) return {};
  const top = entropyMask(all, { kind: "top", rho, rule: "exact" }, () => 0);
  let forking = 0;
  let rest = 0;
  all.forEach((nats, i) => {
    if (top.kept[i]) forking += nats;
    else rest += nats;
  });
  const keptCount = kept.reduce(
    (sum, one) => sum + one.reduce((a, b) => a + b, 0),
    0,
  );
  const sorted = all.slice().sort();
  return {
    entropy: (forking + rest) / n,
    "entropy/forking": forking / top.keptCount,
    ...(top.keptCount < n && { "entropy/rest": rest / (n - top.keptCount) }),
    ...(Number.isFinite(threshold) && { "entropy_mask/threshold": threshold }),
    "entropy_mask/kept_fraction": keptCount / n,
    "entropy/percentiles": SUMMARY_PERCENTS.map((percent) =>
      percentile(sorted, percent),
    ),
  };
}
