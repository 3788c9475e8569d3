/**
 * A trace that a model has scored: one column per quantity, one row per token of the coloured text.
 *
 * Columns are typed arrays because a trace of 100,000 tokens with ten alternatives each is two million numbers:
 * they cross from the engine to the extension host by structured clone, with no JSON in between.
 */
export interface ScoredTrace {
  /** The model that scored. */
  readonly model: ModelIdentity;
  /** The settings that the numbers depend on. */
  readonly settings: ScoreSettings;
  /** Length in UTF-16 code units of the text that `start` and `end` index. */
  readonly textLength: number;
  /** Token ids, shape [n]. */
  readonly ids: Int32Array;
  /** UTF-16 offset at which each token's range starts, shape [n]. See `tokenRanges` for characters split between tokens. */
  readonly start: Uint32Array;
  /** UTF-16 offset just behind each token's range, shape [n]; equal to `start` for a token that only continues a character. */
  readonly end: Uint32Array;
  /** Entropy in nats of the distribution from which the token was drawn, [80/20] Eq. 1, shape [n]; NaN where there is none. */
  readonly entropy: Float32Array;
  /** Natural logarithm of the probability of the token that stands there, shape [n]; NaN where there is none. */
  readonly logprob: Float32Array;
  /** Rank of the token that stands there, 1 = the most probable, shape [n]; 0 where there is no distribution. */
  readonly rank: Uint32Array;
  /** Alternatives recorded per token. */
  readonly topK: number;
  /** Ids of the most probable tokens, most probable first, shape [n, topK] row-major; -1 where there is no distribution. */
  readonly topIds: Int32Array;
  /** Their log-probabilities, shape [n, topK] row-major; NaN where there is no distribution. */
  readonly topLogprobs: Float32Array;
  /** The text of every token id that `ids` or `topIds` names. Bytes that are no whole character are written `<0xF0>`. */
  readonly pieces: ReadonlyMap<number, string>;
  /** Set where a training run wrote the entropies down; log-probabilities, ranks and alternatives are then not known. */
  readonly recorded?: RecordedRollout;
}

/** Where recorded entropies come from. */
export interface RecordedRollout {
  /** The run's name. */
  readonly run: string;
  readonly step: number;
  /** Which prompt of the step, from 0. */
  readonly group: number;
  readonly reward: number;
  readonly advantage: number;
  /** Tokens of the rollout that stand for no text and are left out of the columns, such as the end token. */
  readonly withoutText: { readonly tokens: number; readonly kept: number };
}

/** What is known of a model file once it is loaded. */
export interface ModelIdentity {
  /** `general.name` of the GGUF, or the file's name. */
  readonly name: string;
  /** Absolute path of the GGUF file. */
  readonly path: string;
  /** `general.architecture`, for example `qwen3`. */
  readonly architecture: string;
  /** Quantisation as llama.cpp describes it, for example `F32` or `Q4_K_M`. */
  readonly quantization: string;
  /** Number of tokens in the vocabulary. */
  readonly vocabularySize: number;
  /** Number of parameters. */
  readonly parameters: number;
  /** File size in bytes. */
  readonly sizeBytes: number;
  /** Changes when the file does: size, modification time and a hash of the file's head. */
  readonly fingerprint: string;
}

/** fast: flash attention and an F16 KV cache. exact: neither (entropies within 1e-4 nat of float64). */
export type Precision = "fast" | "exact";

/** The settings that a score depends on, with the model and the text. */
export interface ScoreSettings {
  /** Decoding temperature T by which the logits are divided, [80/20] Eq. 1. */
  readonly temperature: number;
  /** Alternatives kept per token. */
  readonly topK: number;
  readonly precision: Precision;
  /** Tokens of context in one window; a longer trace is scored in windows that overlap by half. */
  readonly contextSize: number;
  /** Absolute path of the LoRA adapter on the model, if any. */
  readonly adapterPath?: string;
}
