/**
 * What a run of the embedded trainer will take, before it starts.
 *
 * Memory, in bytes, on the CPU (on a GPU most of it is the device's):
 *
 *     process     PROCESS: Node, llama.cpp, the tokenizer, the data
 *   + weights     2 x the file's: in the kernel, and in llama.cpp for rollouts
 *   + adapter     4 x LoRA's parameters x 4: matrices, gradient and AdamW's two moments
 *   + cache       parallel x context x layers x KV heads x (key + value) x 4: F32, as the mask needs exact entropies
 *   + decoding    max(parallel, 512) x (8 width + 3 forward + 2 heads x context) x 4 + parallel x vocabulary x 4
 *   + backward    tokens x (layers x kept + transient) x 4 + rows x vocabulary x 4
 *
 * where `tokens` are those of a micro-batch, at least one sequence and at most all of a step; per token and layer the
 * backward pass keeps 4 width + (3 query heads + 4 KV heads) x head + 3 forward + heads x length floats (train_graph.cpp;
 * behind the last layer's attention only the rows that carry a gradient go on), and holds 4 forward + 2 heads x length in
 * transit; `rows` are the micro-batch's tokens that carry a gradient, whose logits exist at once.
 *
 * Time is not guessed: an earlier run of the same model gives the rates at which this machine did the arithmetic of
 * rollouts, scoring and updates (`stepWork`), and the new settings' arithmetic is divided by them.
 */
import type { ModelShape } from "../engine/protocol";
import { TARGET_MODULES, type RunSettings } from "./settings";

/** Measured: a trainer with the smallest model and settings. */
const PROCESS = 120e6;
const F32 = 4;
/** llama.cpp's cache is handed out in blocks of so many tokens (llamaPolicy.ts). */
const CONTEXT_BLOCK = 64;
/** Tokens of a prompt that are decoded at once (rollout_lane.cpp). */
const PROMPT_BATCH = 512;

/** Lengths in tokens. */
export interface Lengths {
  readonly longestPrompt: number;
  readonly meanPrompt: number;
  /** Of completions; `rollout.maxTokens` where nothing is known. */
  readonly meanCompletion: number;
}

export interface MemoryEstimate {
  readonly weights: number;
  readonly cache: number;
  readonly backward: number;
  /** All of it, with the process and what is small. */
  readonly total: number;
}

/** Bytes. */
export function estimateMemory(
  shape: ModelShape,
  settings: RunSettings,
  lengths: Lengths,
): MemoryEstimate {
  const { rollout, parallel, microBatchTokens, adapter } = settings;
  const { layers, width, forward, heads, kvHeads, keySize, valueSize } = shape;
  const longest = lengths.longestPrompt + rollout.maxTokens;
  const context = Math.ceil(longest / CONTEXT_BLOCK) * CONTEXT_BLOCK;
  const sequences = sequencesOf(settings);
  const tokens = Math.min(
    Math.max(microBatchTokens, longest),
    sequences * longest,
  );
  const rows = tokens * keptShare(settings);
  const query = heads * keySize;
  const keyValue = kvHeads * (keySize + valueSize);
  const afterAttention = 2 * width + 3 * forward + query;
  const attention = heads * longest;
  const kept = 4 * width + 3 * query + 2 * keyValue + 3 * forward + attention;
  const backward =
    F32 *
    (tokens * (layers * kept + 4 * forward + 2 * attention) -
      (tokens - rows) * afterAttention +
      rows * shape.vocabulary);
  const weights = 2 * shape.weightBytes;
  const cache = parallel * context * layers * keyValue * F32;
  const decoding =
    F32 *
    (Math.max(parallel, PROMPT_BATCH) *
      (8 * width + 3 * forward + 2 * heads * context) +
      parallel * shape.vocabulary);
  const lora = 4 * F32 * adapter.rank * loraWidth(shape, adapter.targets);
  return {
    weights,
    cache,
    backward,
    total: PROCESS + weights + lora + cache + decoding + backward,
  };
}

/** Floating-point operations of a step, by its parts. */
export interface StepWork {
  readonly rollout: number;
  readonly score: number;
  readonly update: number;
}

/**
 * The arithmetic of a step: 2 operations for each weight that a token passes through, once forwards and once backwards
 * (the weights are frozen: only what flows to the adapters is computed), and attention by the lengths.
 */
export function stepWork(
  shape: ModelShape,
  settings: RunSettings,
  { meanPrompt, meanCompletion }: Lengths,
): StepWork {
  const { objective, miniBatches, rollout } = settings;
  const isSft = objective.loss === "sft";
  const sequences = sequencesOf(settings);
  const length = meanPrompt + meanCompletion;
  // Keys and values of all tokens before: on average half the length.
  const attention =
    (shape.layers * shape.heads * (shape.keySize + shape.valueSize) * length) /
    2;
  const token = 2 * (shape.blockParameters + attention);
  const row = 2 * shape.vocabulary * shape.width;
  const completions = sequences * meanCompletion;
  // Off-policy: old log-probabilities of all, and those under the policy of each later mini-batch.
  const scorings = isSft ? 1 : miniBatches > 1 ? 2 : 0;
  const base = objective.beta !== 0 && !isSft ? 1 : 0;
  return {
    // The prompt of a group is decoded once.
    rollout: isSft
      ? 0
      : rollout.promptsPerStep * meanPrompt * token +
        completions * (token + row),
    score: (scorings + base) * (sequences * length * token + completions * row),
    update:
      2 *
      (sequences * length * token + completions * keptShare(settings) * row),
  };
}

/** Seconds of a step, by its parts. */
export interface StepTimes extends StepWork {
  /** Rewards, checkpoint, logs. */
  readonly other: number;
}

/** An earlier run of the same model. */
export interface EarlierRun {
  readonly settings: RunSettings;
  readonly lengths: Lengths;
  readonly times: StepTimes;
}

/** Seconds of a step: each part at the rate that it had in an earlier run. */
export function estimateStepTime(
  shape: ModelShape,
  settings: RunSettings,
  lengths: Lengths,
  earlier: EarlierRun,
): number {
  const work = stepWork(shape, settings, lengths);
  const done = stepWork(shape, earlier.settings, earlier.lengths);
  const { times } = earlier;
  const update = times.update / done.update;
  // What the earlier run did not do is arithmetic of the update's kind.
  const rate = (part: "rollout" | "score") =>
    done[part] > 0 && times[part] > 0 ? times[part] / done[part] : update;
  return (
    work.rollout * rate("rollout") +
    work.score * rate("score") +
    work.update * update +
    times.other
  );
}

/** Sequences of a step. */
export function sequencesOf({ objective, rollout }: RunSettings): number {
  return objective.loss === "sft"
    ? rollout.promptsPerStep
    : rollout.promptsPerStep * rollout.groupSize;
}

/** Share of the tokens that carry a gradient. */
function keptShare({ mask }: RunSettings): number {
  if (mask.kind === "all") return 1;
  return mask.kind === "bottom" ? 1 - mask.rho : mask.rho;
}

/** Rows and columns of all adapted matrices together: LoRA has `rank` times so many parameters. */
function loraWidth(
  shape: ModelShape,
  targets: readonly (typeof TARGET_MODULES)[number][],
): number {
  const { width, forward, heads, kvHeads, keySize, valueSize } = shape;
  const sizes: Record<(typeof TARGET_MODULES)[number], number> = {
    q_proj: width + heads * keySize,
    k_proj: width + kvHeads * keySize,
    v_proj: width + kvHeads * valueSize,
    o_proj: width + heads * valueSize,
    gate_proj: width + forward,
    up_proj: width + forward,
    down_proj: width + forward,
  };
  const ofLayer = targets.reduce((sum, target) => sum + sizes[target], 0);
  return shape.layers * ofLayer;
}
