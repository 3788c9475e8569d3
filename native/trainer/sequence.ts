/** Rollouts on their way through a step, and the token batches that the kernel takes. */
import { planMicroBatches } from "../../core/rl/microBatch";
import type { TargetColumns, TokenBatch } from "../addon/training";
import type { Policy } from "./policy";

/** A prompt with one completion. */
export interface Sequence {
  /** Prompt, then completion. */
  readonly ids: Int32Array;
  /** Tokens of the prompt, at least 1. */
  readonly from: number;
}

/** What a policy says of a sequence's completion: logprob and entropy in nats, shape [ids.length - from]. */
export interface CompletionColumns {
  readonly logprob: Float32Array;
  readonly entropy: Float32Array;
}

/** Completion tokens of a sequence. */
export function completionLength(sequence: Sequence): number {
  return sequence.ids.length - sequence.from;
}

/** A batch in which the chosen completion tokens are predicted. @param chosen whether completion token t of sequence s is */
export function tokenBatch(
  sequences: readonly Sequence[],
  temperature: number,
  chosen: (sequence: number, token: number) => boolean,
): TokenBatch {
  const offsets = new Int32Array(sequences.length + 1);
  sequences.forEach((sequence, s) => {
    offsets[s + 1] = offsets[s]! + sequence.ids.length;
  });
  const ids = new Int32Array(offsets[sequences.length]!);
  const targets: number[] = [];
  sequences.forEach((sequence, s) => {
    ids.set(sequence.ids, offsets[s]);
    for (let t = 0; t < completionLength(sequence); t++) {
      if (chosen(s, t)) targets.push(offsets[s]! + sequence.from + t);
    }
  });
  return { ids, offsets, targets: Int32Array.from(targets), temperature };
}

export interface ScoreOptions {
  readonly temperature: number;
  /** Padded tokens of one pass. */
  readonly microBatchTokens: number;
  /** Without the adapter. */
  readonly base: boolean;
  readonly signal: AbortSignal;
}

/** Log-probability and entropy of every completion token, in the order of the sequences. */
export async function scoreSequences(
  kernel: Pick<Policy["kernel"], "forward">,
  sequences: readonly Sequence[],
  { temperature, microBatchTokens, base, signal }: ScoreOptions,
): Promise<CompletionColumns[]> {
  const scored = new Array<CompletionColumns>(sequences.length);
  const plan = planMicroBatches(
    sequences.map(({ ids }) => ids.length),
    microBatchTokens,
  );
  for (const indices of plan) {
    signal.throwIfAborted();
    const chosen = indices.map((i) => sequences[i]!);
    const batch = tokenBatch(chosen, temperature, () => true);
    const columns = await forward(kernel, batch, base);
    let at = 0;
    for (const i of indices) {
      const end = at + completionLength(sequences[i]!);
      scored[i] = {
        logprob: columns.logprob.slice(at, end),
        entropy: columns.entropy.slice(at, end),
      };
      at = end;
    }
  }
  return scored;
}

/** An empty completion has nothing to score. */
function forward(
  kernel: Pick<Policy["kernel"], "forward">,
  batch: TokenBatch,
  base: boolean,
): Promise<TargetColumns> {
  return batch.targets.length === 0
    ? Promise.resolve({
        logprob: new Float32Array(0),
        entropy: new Float32Array(0),
      })
    : kernel.forward(batch, { base });
}
