/** When a run has gone wrong while its process is still at work: rules over its last lines of metrics. */
import type { MetricsLine } from "./folder";

/**
 * nats. Mean entropy of the response tokens below which the policy has collapsed. At 0.01 nats a completion of 200 tokens
 * has about 2 nats of choice in all, so that the rollouts of a group are mostly one text and nothing is left to learn from.
 */
export const COLLAPSED_ENTROPY = 0.01;

/** Steps in a row for which the entropy must have been below that. */
export const COLLAPSED_STEPS = 5;

/** Steps in a row in which every group had equal rewards, so that no advantage was other than 0 ([DAPO] section 3.2). */
export const UNMIXED_STEPS = 5;

/** Lines of metrics that the rules look at, at most. */
export const DIVERGENCE_STEPS = Math.max(COLLAPSED_STEPS, UNMIXED_STEPS);

/** What has gone wrong. */
export interface Divergence {
  readonly kind: "loss" | "entropy" | "rewards";
  /** The step at which it was seen. */
  readonly step: number;
  /** For a person: what was seen, and what may help. */
  readonly message: string;
}

/**
 * @param lines the last lines of metrics, DIVERGENCE_STEPS of them where there are so many, oldest first
 * @returns undefined for a run in order, and for quantities that its trainer does not log
 */
export function divergenceOf(
  lines: readonly MetricsLine[],
): Divergence | undefined {
  const last = lines.at(-1);
  if (last === undefined) return undefined;
  const { step } = last;
  // JSON has no NaN: trainers write null, or a text.
  if (last.loss !== undefined && !Number.isFinite(last.loss)) {
    const message = `the loss of step ${step} is not a number. Lower optimizer.learningRate, and resume from before it.`;
    return { kind: "loss", step, message };
  }
  const allOf = (steps: number, holds: (line: MetricsLine) => boolean) =>
    lines.length >= steps && lines.slice(-steps).every(holds);
  const collapsed = ({ entropy }: MetricsLine) =>
    typeof entropy === "number" && entropy < COLLAPSED_ENTROPY;
  if (allOf(COLLAPSED_STEPS, collapsed)) {
    const message = `the entropy was below ${COLLAPSED_ENTROPY} nats for ${COLLAPSED_STEPS} steps. Raise objective.clipHigh, or lower optimizer.learningRate.`;
    return { kind: "entropy", step, message };
  }
  if (allOf(UNMIXED_STEPS, (line) => line.frac_reward_zero_std === 1)) {
    const message = `no group had mixed rewards for ${UNMIXED_STEPS} steps, so nothing is learnt. Try other problems, larger groups, or objective.dynamicSampling.`;
    return { kind: "rewards", step, message };
  }
  return undefined;
}
