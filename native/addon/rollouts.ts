/**
 * The typed face of the add-on's rollout engine (native/src/rollout_*.cpp): many sequences at once through one
 * llama_decode, a prompt's KV shared within its group, a finished sequence replaced by a waiting one at once; on several
 * cores, several contexts side by side.
 */

export interface RolloutEngineOptions {
  /** Tokens of one rollout, prompt included. */
  readonly contextSize: number;
  /** Sequences decoded at once, at least 1; from 16 on they are shared out to contexts with fewer threads each. */
  readonly parallel: number;
  /** The physical cores. */
  readonly threads: number;
  /** exact: no flash attention, F32 KV cache. */
  readonly precision: "fast" | "exact";
}

export interface SamplingOptions {
  /** Rollouts of each prompt, at least 1. */
  readonly groupSize: number;
  /** Tokens after the prompt, at most; cut where the context ends. */
  readonly maxTokens: number;
  /** T of softmax(logits / T), above 0. */
  readonly temperature: number;
  /** Nucleus: the smallest set of most probable tokens with at least this mass, 0 < topP <= 1; 1 switches it off. */
  readonly topP: number;
  /** The k most probable tokens; 0 switches it off. */
  readonly topK: number;
  /** Tokens of at least this share of the most probable token's probability, 0 <= minP < 1; 0 switches it off. */
  readonly minP: number;
  /**
   * Unsigned 32 bits. Rollout g of prompt p has a generator of its own, of (seed, p, g): what it says does not depend on what
   * runs beside it, up to the rounding of log-probabilities; with the same `parallel` and `threads` not even on that.
   */
  readonly seed: number;
  /** A rollout ends with (and includes) the first of these. */
  readonly stopIds: readonly number[];
}

export interface Rollout {
  /** Sampled tokens, the stop token included, shape [n]. */
  readonly ids: Int32Array;
  /** ln softmax(logits / T) of each sampled token, before top-k, top-p and min-p, nats, shape [n]. */
  readonly logprob: Float32Array;
  /** Entropy of the full softmax(logits / T) from which each was sampled, before top-k, top-p and min-p, nats, shape [n]. */
  readonly entropy: Float32Array;
  /** Ended with a stop token; false where the length cut it off. */
  readonly finished: boolean;
}

export interface RolloutProgress {
  /** Rollouts ended. */
  readonly done: number;
  readonly total: number;
  /** Tokens sampled so far. */
  readonly tokens: number;
}

export interface RolloutEngine {
  readonly parallel: number;
  /**
   * Samples `groupSize` rollouts of each prompt. Order of the filters: temperature, top-k, top-p, min-p.
   * @param prompts token ids, each at least one, shorter than the context
   * @param onProgress on the JavaScript thread, at most a few times a second
   * @param signal aborts within one llama_decode: the promise rejects with an Error named AbortError, the engine stays usable
   * @returns rollout g of prompt p at p * groupSize + g
   */
  generate(
    prompts: readonly Int32Array[],
    options: SamplingOptions,
    onProgress?: (progress: RolloutProgress) => void,
    signal?: AbortSignal,
  ): Promise<Rollout[]>;
  /**
   * Puts a LoRA adapter (GGUF) on the model for the calls to come, in place of the one before; undefined takes it off.
   * @param scale multiplies alpha / rank; 1 for the adapter as trained
   * @throws Error where the file is no adapter for this model; the one before stays
   */
  setAdapter(path: string | undefined, scale: number): void;
  /** Throws while a call runs. */
  free(): void;
}
