/** Accuracy on held-out sets. */
import { deriveSeed } from "../../core/rl/seed";
import type { RunSettings } from "../../core/run/settings";
import type { Problem } from "../../core/tasks/problem";
import type { RewardFunction } from "../../core/tasks/reward";
import { judge, samplingOptions } from "./collect";
import type { Policy } from "./policy";

/** Held-out problems by name of the set. */
export type EvalSets = ReadonlyMap<string, readonly Problem[]>;

/** Prompts sampled in one call, so that stopping and progress stay prompt. */
const PROMPTS_AT_ONCE = 256;

export interface EvaluateOptions {
  readonly settings: RunSettings;
  readonly reward: RewardFunction;
  readonly signal: AbortSignal;
  readonly onProgress: (set: string, done: number, total: number) => void;
}

/**
 * Samples each problem `eval.samples` times. Accuracy is the mean reward without any overlong penalty. The random numbers
 * are the same at every evaluation of a run, so that two evaluations differ by the policy and not by the lot.
 * @returns `eval/<set>/accuracy` and `eval/<set>/mean_length` (tokens)
 */
export async function evaluate(
  policy: Policy,
  sets: EvalSets,
  { settings, reward, signal, onProgress }: EvaluateOptions,
): Promise<Record<string, number>> {
  const { samples, temperature } = settings.eval;
  const metrics: Record<string, number> = {};
  for (const [set, [name, problems]] of [...sets].entries()) {
    let rewards = 0;
    let tokens = 0;
    const total = problems.length * samples;
    for (let from = 0; from < problems.length; from += PROMPTS_AT_ONCE) {
      const part = problems.slice(from, from + PROMPTS_AT_ONCE);
      const seed = deriveSeed(settings.seed, set, "evaluate", from);
      const rollouts = await policy.rollouts.generate(
        part.map(({ prompt }) => policy.tokenizer.prompt(prompt)),
        {
          ...samplingOptions(policy, settings, seed),
          groupSize: samples,
          // A temperature of 0 is the most probable token.
          ...(temperature === 0
            ? { temperature: 1, topK: 1 }
            : { temperature }),
        },
        ({ done }) => onProgress(name, from * samples + done, total),
        signal,
      );
      const completions = rollouts.map((one, i) => ({
        problem: part[Math.floor(i / samples)]!,
        text: policy.tokenizer.decode(one.ids),
      }));
      for (const one of await judge(reward, completions, signal))
        rewards += one;
      for (const { ids } of rollouts) tokens += ids.length;
    }
    metrics[`eval/${name}/accuracy`] = rewards / total;
    metrics[`eval/${name}/mean_length`] = tokens / total;
  }
  return metrics;
}
