/** Rewards to advantages, group by group: GRPO's baseline, as TRL and DAPO compute it. */

/** By what an advantage is divided: the group's deviation (GRPO, DAPO), the whole batch's, or nothing (Dr. GRPO). TRL's `scale_rewards`. */
export type AdvantageScale = "group" | "batch" | "none";

/** Keeps a group whose rewards hardly differ from blowing up; TRL's constant. */
const SCALE_EPSILON = 1e-4;

/** Advantages of a batch, and what the dashboard shows of its groups. */
export interface GroupAdvantages {
  /** Shape [groups * groupSize]. */
  readonly advantages: Float64Array;
  /** Mean over groups of the deviation within the group (n - 1 in the denominator): TRL's `reward_std`. */
  readonly rewardStd: number;
  /** Share of groups whose rewards are all equal: TRL's `frac_reward_zero_std`. They give no gradient. */
  readonly fractionZeroStd: number;
}

/**
 * Group-relative advantages: (reward - mean of its group) / (deviation + 1e-4).
 *
 * @param rewards shape [groups * groupSize], the rollouts of one prompt beside each other
 * @param groupSize rollouts per prompt, TRL's `num_generations`
 * @throws RangeError where rewards do not divide into groups or one is not finite
 */
export function groupAdvantages(
  rewards: ArrayLike<number>,
  groupSize: number,
  scale: AdvantageScale,
): GroupAdvantages {
  if (!Number.isInteger(groupSize) || groupSize < 1) {
    throw new RangeError(
      `A group needs at least one rollout, not ${groupSize}.`,
    );
  }
  const groups = rewards.length / groupSize;
  if (!Number.isInteger(groups)) {
    throw new RangeError(
      `${rewards.length} rewards do not divide into groups of ${groupSize}.`,
    );
  }
  for (let i = 0; i < rewards.length; i++) {
    if (!Number.isFinite(rewards[i])) {
      throw new RangeError(
        `Reward ${i} is ${rewards[i]}, not a finite number.`,
      );
    }
  }
  const advantages = new Float64Array(rewards.length);
  const batchStd =
    scale === "batch" ? moments(rewards, 0, rewards.length).std : 0;
  let stdSum = 0;
  let zero = 0;
  for (let group = 0; group < groups; group++) {
    const from = group * groupSize;
    const { mean, std } = moments(rewards, from, from + groupSize);
    stdSum += std;
    // torch.isclose's absolute tolerance: equal rewards may differ by rounding.
    if (std <= 1e-8) zero++;
    const divisor =
      scale === "none"
        ? 1
        : (scale === "batch" ? batchStd : std) + SCALE_EPSILON;
    for (let i = from; i < from + groupSize; i++) {
      advantages[i] = (rewards[i]! - mean) / divisor;
    }
  }
  return {
    advantages,
    rewardStd: groups > 0 ? stdSum / groups : 0,
    fractionZeroStd: groups > 0 ? zero / groups : 0,
  };
}

/**
 * Dynamic sampling (DAPO, Eq. 11): the groups worth training on, those with 0 < correct < G, in general with unequal rewards.
 * @returns indices of the groups kept
 */
export function mixedGroups(
  rewards: ArrayLike<number>,
  groupSize: number,
): number[] {
  const kept: number[] = [];
  for (let from = 0; from + groupSize <= rewards.length; from += groupSize) {
    for (let i = from + 1; i < from + groupSize; i++) {
      if (rewards[i] !== rewards[from]) {
        kept.push(from / groupSize);
        break;
      }
    }
  }
  return kept;
}

/**
 * Overlong reward shaping (DAPO, Eq. 13; TRL's `get_soft_overlong_punishment`): 0 up to maximum - cache, then falling
 * linearly to -1 at the maximum, -1 beyond.
 * @param length of the completion, in tokens
 * @param maximum tokens
 * @param cache tokens before the maximum over which the penalty grows; 0 switches it off up to the maximum
 */
export function overlongPenalty(
  length: number,
  maximum: number,
  cache: number,
): number {
  if (length <= maximum - cache) return 0;
  if (length <= maximum) return (maximum - cache - length) / cache;
  return -1;
}

/** Mean and sample deviation (n - 1; 0 for a single value, as TRL has it) of values[from..to). */
function moments(
  values: ArrayLike<number>,
  from: number,
  to: number,
): { mean: number; std: number } {
  const n = to - from;
  let sum = 0;
  for (let i = from; i < to; i++) sum += values[i]!;
  const mean = n > 0 ? sum / n : 0;
  let squares = 0;
  for (let i = from; i < to; i++) squares += (values[i]! - mean) ** 2;
  return { mean, std: n > 1 ? Math.sqrt(squares / (n - 1)) : 0 };
}
