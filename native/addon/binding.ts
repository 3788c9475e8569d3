/**
 * The typed face of the C++ add-on (native/src). The add-on owns model and context through llama.h, whose functions it
 * resolves at run time from the folder that node-llama-cpp chose, so that one add-on serves every back end.
 *
 * Everything that takes long runs on a thread of its own; one call at a time per Scorer.
 */

/** The add-on's exports. */
export interface Addon {
  /** The llama.cpp release that the add-on was built for, for example `v0.5.0`. */
  readonly release: string;
  /**
   * Opens llama.cpp's shared libraries in `libraryFolder` and registers the back ends found there.
   * Once per process; a second call with the same folder describes it again, one with another folder throws.
   * Shares libraries and back ends with node-llama-cpp where that opened the same folder first.
   * @throws AddonError (NO_BACK_END) naming the library or the missing symbol, and the llama.cpp release that the add-on was built for.
   */
  open(libraryFolder: string): OpenedLibrary;
  /**
   * Loads a model. Rejects with an AddonError (BAD_MODEL) that names the file and quotes llama.cpp's own error lines.
   * @param onProgress called with 0 to 1 on the JavaScript thread.
   * @param signal stops the loading: rejects with an Error named AbortError
   */
  loadModel(
    path: string,
    options: LoadOptions,
    onProgress?: (fraction: number) => void,
    signal?: AbortSignal,
  ): Promise<Model>;
  /**
   * The host's reduction alone, for tests and the bench: what `score` does with each row of logits.
   * @param logits shape [targets.length, vocabulary] row-major; minus infinity is a token that cannot occur
   * @throws AddonError (BAD_INPUT) for NaN or plus infinity
   */
  reduceLogits(
    logits: Float32Array,
    targets: Int32Array,
    temperature: number,
    topK: number,
  ): Omit<Scores, "decoded"> & {
    /** "avx512", "avx2" or "baseline": chosen at run time. */
    readonly instructionSet: string;
  };
}

/** What the add-on throws and rejects with. Cancellation is named AbortError and has the code ABORT_ERR, as Node's own. */
export interface AddonError extends Error {
  readonly code?:
    | "BAD_MODEL"
    | "UNSUPPORTED_MODEL"
    | "OUT_OF_MEMORY"
    | "BAD_INPUT"
    | "NO_BACK_END"
    | "DECODE_FAILED"
    | "ABORT_ERR";
}

export interface OpenedLibrary {
  /** llama_print_system_info() */
  readonly systemInfo: string;
  /** Devices of the registered back ends, CPU last. */
  readonly devices: readonly {
    readonly name: string;
    readonly description: string;
    readonly kind: "cpu" | "gpu" | "integrated" | "accelerator";
    /** bytes */
    readonly freeMemory: number;
    /** bytes */
    readonly totalMemory: number;
  }[];
}

export interface LoadOptions {
  /** Layers to put on the GPU; 0 keeps everything on the CPU. */
  readonly gpuLayers: number;
  /** The tokenizer without the weights: such a model tokenises and gives pieces, and scores nothing. */
  readonly vocabularyOnly?: boolean;
}

export interface Model {
  /** llama_model_desc(), for example "qwen3 0.6B F32". */
  readonly description: string;
  readonly vocabularySize: number;
  /** tokens */
  readonly trainedContext: number;
  readonly parameters: number;
  readonly layers: number;
  /** False where an encoder, an embedding head or a diffusion model makes it useless for scoring; createScorer then throws. */
  readonly hasDecoder: boolean;
  readonly addsBos: boolean;
  /** -1 where there is none */
  readonly bosId: number;
  readonly eosId: number;
  /** Value of a string key of the GGUF, for example tokenizer.chat_template; undefined where absent. */
  metadata(key: string): string | undefined;
  /**
   * llama_tokenize. @param text well-formed UTF-8 comes from Node's own conversion (lone surrogates become U+FFFD).
   * @param addSpecial let the tokenizer add BOS where the model wants one
   * @param parseSpecial tokenise text such as `<think>` as the special token where the model has it so
   */
  tokenize(
    text: string,
    addSpecial: boolean,
    parseSpecial: boolean,
  ): Int32Array;
  /** llama_token_to_piece with special tokens written out: the bytes of each id. */
  pieces(ids: Int32Array): Uint8Array[];
  /** Makes a context. Throws AddonError: OUT_OF_MEMORY, UNSUPPORTED_MODEL, BAD_MODEL (the adapter), BAD_INPUT. */
  createScorer(options: ScorerOptions): Scorer;
  /** Frees the model; throws while one of its scorers lives. */
  free(): void;
}

export interface ScorerOptions {
  /** Tokens of one window, at least 8. */
  readonly contextSize: number;
  /** exact: no flash attention, F32 KV cache. */
  readonly precision: "fast" | "exact";
  /** 0 takes the physical cores. */
  readonly threads: number;
  /** LoRA adapter in GGUF. */
  readonly adapterPath?: string;
  /**
   * Where logits become entropies: on the device through a backend sampler, or on the host. auto: device for a GPU.
   * The device does it up to topK 1,024; beyond, and where an operator is missing there, the host does.
   */
  readonly reduce: "auto" | "device" | "host";
  /** Tokens of one micro-batch; 0 chooses by vocabulary and back end. */
  readonly microBatch: number;
}

export interface ScoreOptions {
  /** 0.001 to 1000 */
  readonly temperature: number;
  /** 0 to the whole vocabulary; ties are ordered by id */
  readonly topK: number;
  /** Rows are returned for ids[from..]; earlier ids only condition. */
  readonly from: number;
}

/** Shapes: n = ids.length - from. Row i speaks of ids[from + i], by the logits at position from + i - 1. */
export interface Scores {
  /** nats, NaN for a first token without a predecessor */
  readonly entropy: Float32Array;
  readonly logprob: Float32Array;
  readonly rank: Uint32Array;
  /** [n, topK] row-major */
  readonly topIds: Int32Array;
  readonly topLogprobs: Float32Array;
  /**
   * Tokens that llama_decode had to process for this call. A fresh sequence costs ids.length - 1 (no row needs the last
   * token's logits); fewer where the KV cache held a prefix, more where windows overlap.
   */
  readonly decoded: number;
}

export interface Scorer {
  readonly contextSize: number;
  readonly microBatch: number;
  /** "host", or "device" where the reduction runs behind the logits on the back end. */
  readonly reduces: "host" | "device";
  /** Why the host reduces although the device was asked for. */
  readonly reduceNote?: string;
  /**
   * Scores a token sequence. The KV cache and the rows of the previous call are kept, so a sequence that shares a prefix
   * with the previous one costs only what stands behind the first changed token.
   * A sequence longer than the context is scored in windows of contextSize tokens that overlap by half: window w starts
   * w * floor(contextSize / 2) tokens in, and from the second on only the latter half of each gives rows. Where the
   * tokenizer adds a BOS and the sequence starts with it, every window starts with it (and slides by half of the rest).
   * @param onProgress (tokens done, tokens to do), on the JavaScript thread, at most once per micro-batch
   * @param signal aborts within one micro-batch: the promise rejects with an Error named AbortError, the cache stays usable
   * Throws at once where a call is under way or the scorer was freed. Rejects with AddonError: BAD_INPUT, DECODE_FAILED, OUT_OF_MEMORY.
   */
  score(
    ids: Int32Array,
    options: ScoreOptions,
    onProgress?: (done: number, total: number) => void,
    signal?: AbortSignal,
  ): Promise<Scores>;
  /** For the bench: a bare llama_decode of all ids with all logits and nothing else, in milliseconds. Empties the cache. */
  decodeOnly(ids: Int32Array): Promise<number>;
  /** Frees the context; throws while a call is under way. */
  free(): void;
}
