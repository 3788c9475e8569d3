/** The policy against its base model on the same texts: what the dashboard shows of [80/20]'s findings 3 and 4. */
import { entropyChangeByBin, forkOverlap } from "../../core/rl/compare";
import type { RunSettings } from "../../core/run/settings";
import type { Policy } from "./policy";
import { scoreSequences, type Sequence } from "./sequence";

/** Of the forking positions where the run's mask has no cut of its own (rho = 1). */
const PAPER_RHO = 0.2;

/**
 * Scores the texts by the kernel under both. The paper takes responses of the final model throughout; a run that is still
 * going has the current one's.
 * @returns `compare/overlap` and `compare/entropy_change`; nothing where the texts are empty
 */
export async function compareWithBase(
  kernel: Pick<Policy["kernel"], "forward">,
  sequences: readonly Sequence[],
  { mask, rollout, microBatchTokens }: RunSettings,
  signal: AbortSignal,
): Promise<Record<string, unknown>> {
  const entropies = async (base: boolean) => {
    const scored = await scoreSequences(kernel, sequences, {
      temperature: rollout.temperature,
      microBatchTokens,
      base,
      signal,
    });
    return Float64Array.from(scored.flatMap(({ entropy }) => [...entropy]));
  };
  const base = await entropies(true);
  if (base.length === 0) return {};
  const current = await entropies(false);
  const rho = mask.rho < 1 ? mask.rho : PAPER_RHO;
  return {
    "compare/overlap": forkOverlap(base, current, rho),
    "compare/entropy_change": entropyChangeByBin(base, current),
  };
}
