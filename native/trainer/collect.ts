/** A step's rollouts: sampled, decoded, rewarded, and their advantages. */
import {
  groupAdvantages,
  mixedGroups,
  overlongPenalty,
} from "../../core/rl/advantage";
import { deriveSeed } from "../../core/rl/seed";
import type { RunSettings } from "../../core/run/settings";
import type { Problem } from "../../core/tasks/problem";
import type { RewardFunction } from "../../core/tasks/reward";
import type { Rollout, SamplingOptions } from "../addon/rollouts";
import type { Policy } from "./policy";
import type { ProblemStream } from "./problemStream";
import { messageOf } from "../errorMessage";
import { RunError } from "./runError";
import type { TrainingSequence } from "./update";

/** A rollout that a step trains on. */
export interface RewardedRollout extends TrainingSequence {
  readonly problem: Problem;
  /** Which prompt of the step. */
  readonly group: number;
  readonly text: string;
  readonly rollout: Rollout;
  /** With the overlong penalty. */
  readonly reward: number;
}

export interface Collected {
  readonly rollouts: readonly RewardedRollout[];
  /** Problems taken from the training data, those of earlier steps included. */
  readonly cursor: number;
  /** Over all that were sampled, groups thrown away by dynamic sampling included. */
  readonly reward: number;
  readonly rewardStd: number;
  readonly fractionZeroStd: number;
  readonly groupsSampled: number;
  readonly meanLength: number;
  readonly clippedRatio: number;
  /** Of prompts and completions. */
  readonly tokens: number;
}

export interface CollectOptions {
  readonly settings: RunSettings;
  readonly step: number;
  readonly cursor: number;
  readonly reward: RewardFunction;
  readonly signal: AbortSignal;
  /** @param done rollouts of `total` in this round */
  readonly onProgress: (done: number, total: number) => void;
}

interface Sampled {
  readonly problem: Problem;
  readonly prompt: Int32Array;
  readonly rollout: Rollout;
  readonly text: string;
  /** As judged, and with the overlong penalty. */
  readonly judged: number;
  readonly reward: number;
}

/**
 * Samples `promptsPerStep` groups. With dynamic sampling, groups of equal rewards are replaced by groups of the next
 * problems, in at most `maxResamples` further rounds; what is then still missing is filled with equal groups, which give
 * no gradient but keep the step's size.
 */
export async function collectRollouts(
  policy: Policy,
  problems: ProblemStream,
  options: CollectOptions,
): Promise<Collected> {
  const { rollout, objective } = options.settings;
  const { groupSize, promptsPerStep } = rollout;
  const all: Sampled[] = [];
  const mixed: Sampled[][] = [];
  const equal: Sampled[][] = [];
  let cursor = options.cursor;
  for (let round = 0; ; round++) {
    const missing = promptsPerStep - mixed.length;
    const taken = problems.take(cursor, missing);
    cursor += missing;
    const sampled = await sample(policy, taken, round, options);
    all.push(...sampled);
    const rewards = sampled.map(({ judged }) => judged);
    const useful = objective.dynamicSampling
      ? mixedGroups(rewards, groupSize)
      : taken.map((_, group) => group);
    taken.forEach((_, group) => {
      const members = sampled.slice(group * groupSize, (group + 1) * groupSize);
      (useful.includes(group) ? mixed : equal).push(members);
    });
    if (mixed.length >= promptsPerStep || round >= objective.maxResamples)
      break;
  }
  const groups = [...mixed, ...equal].slice(0, promptsPerStep);
  const used = groups.flat();
  const { advantages } = groupAdvantages(
    used.map(({ reward }) => reward),
    groupSize,
    objective.scaleRewards,
  );
  const everything = groupAdvantages(
    all.map(({ reward }) => reward),
    groupSize,
    objective.scaleRewards,
  );
  const share = (count: (one: Sampled) => number) =>
    all.reduce((sum, one) => sum + count(one), 0) / all.length;
  return {
    rollouts: used.map((one, i) => ({
      problem: one.problem,
      group: Math.floor(i / groupSize),
      text: one.text,
      rollout: one.rollout,
      reward: one.reward,
      advantage: advantages[i]!,
      ids: concatenate(one.prompt, one.rollout.ids),
      from: one.prompt.length,
      sampled: one.rollout,
    })),
    cursor,
    reward: share(({ reward }) => reward),
    rewardStd: everything.rewardStd,
    fractionZeroStd: everything.fractionZeroStd,
    groupsSampled: all.length / groupSize,
    meanLength: share((one) => one.rollout.ids.length),
    clippedRatio: share((one) => (one.rollout.finished ? 0 : 1)),
    tokens:
      share((one) => one.prompt.length + one.rollout.ids.length) * all.length,
  };
}

async function sample(
  policy: Policy,
  problems: readonly Problem[],
  round: number,
  { settings, step, reward, signal, onProgress }: CollectOptions,
): Promise<Sampled[]> {
  const { rollout, objective, seed } = settings;
  const prompts = problems.map(({ prompt }) => policy.tokenizer.prompt(prompt));
  const rollouts = await policy.rollouts.generate(
    prompts,
    samplingOptions(policy, settings, deriveSeed(seed, step, "rollout", round)),
    ({ done, total }) => onProgress(done, total),
    signal,
  );
  const completions = rollouts.map((one, i) => ({
    problem: problems[Math.floor(i / rollout.groupSize)]!,
    text: policy.tokenizer.decode(one.ids),
  }));
  const judged = await judge(reward, completions, signal);
  return rollouts.map((one, i) => {
    const penalty = objective.overlong
      ? overlongPenalty(
          one.ids.length,
          objective.overlong.maximum,
          objective.overlong.cache,
        )
      : 0;
    return {
      ...completions[i]!,
      prompt: prompts[Math.floor(i / rollout.groupSize)]!,
      rollout: one,
      judged: judged[i]!,
      reward: judged[i]! + penalty,
    };
  });
}

/** What a run's settings ask of the sampler. */
export function samplingOptions(
  policy: Policy,
  { rollout }: RunSettings,
  seed: number,
): SamplingOptions {
  const { groupSize, maxTokens, temperature, topP, topK, minP } = rollout;
  return {
    groupSize,
    maxTokens,
    temperature,
    topP,
    topK,
    minP,
    seed,
    stopIds: policy.tokenizer.stopIds,
  };
}

/** Rewards, checked. @throws RunError where the reward fails or gives no finite number for each completion */
export async function judge(
  reward: RewardFunction,
  completions: readonly { problem: Problem; text: string }[],
  signal: AbortSignal,
): Promise<readonly number[]> {
  let rewards: readonly number[];
  try {
    rewards = await reward(completions, signal);
  } catch (error) {
    signal.throwIfAborted();
    throw new RunError(`The reward failed: ${messageOf(error)}`);
  }
  const bad = completions.findIndex((_, i) => !Number.isFinite(rewards[i]));
  if (rewards.length !== completions.length || bad >= 0) {
    throw new RunError(
      rewards.length === completions.length
        ? `The reward of completion ${bad} is ${String(rewards[bad])}, not a finite number. A reward function returns a number for each completion.`
        : `The reward function returned ${rewards.length} rewards for ${completions.length} completions. It returns a number for each.`,
    );
  }
  return rewards;
}

function concatenate(a: Int32Array, b: Int32Array): Int32Array {
  const joined = new Int32Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}
