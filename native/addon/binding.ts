/**
 * The typed face of the C++ add-on (native/src). The add-on owns model and context through llama.h, whose functions it
 * resolves at run time from the folder that node-llama-cpp chose, so that one add-on serves every back end.
 *
 * Everything that takes long runs on a thread of its own; one call at a time per Scorer.
 */

/** The add-on's exports. */
export interface Addon {
  /**
   * Opens llama.cpp's shared libraries in `libraryFolder` and registers the back ends found there.
   * Once per process; a second call with another folder throws.
   * @throws Error naming the library or the missing symbol, and the llama.cpp release that the add-on was built for.
   */
  open(libraryFolder: string): OpenedLibrary;
  /**
   * Loads a model. Rejects with an Error whose message is llama.cpp's own last error line.
   * @param onProgress called with 0 to 1 on the JavaScript thread.
   */
  loadModel(
    path: string,
    options: LoadOptions,
    onProgress?: (fraction: number) => void,
  ): Promise<Model>;
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
  /** Layers to put on the GPU; 0 keeps all on the CPU. */
  readonly gpuLayers: number;
}

export interface Model {
  /** llama_model_desc(), for example "qwen3 0.6B F32". */
  readonly description: string;
  readonly vocabularySize: number;
  /** tokens */
  readonly trainedContext: number;
  readonly parameters: number;
  readonly layers: number;
  /** Whether an encoder or an embedding head makes it useless for scoring. */
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
  /** Makes a context. Throws where memory does not suffice. */
  createScorer(options: ScorerOptions): Scorer;
  /** Frees the model; throws while one of its scorers lives. */
  free(): void;
}

export interface ScorerOptions {
  /** Tokens of one window. */
  readonly contextSize: number;
  /** exact: no flash attention, F32 KV cache. */
  readonly precision: "fast" | "exact";
  readonly threads: number;
  /** LoRA adapter in GGUF. */
  readonly adapterPath?: string;
  /** Where logits become entropies: on the device through a backend sampler, or on the host. auto: device for a GPU. */
  readonly reduce: "auto" | "device" | "host";
  /** Tokens of one micro-batch; 0 chooses by vocabulary and back end. */
  readonly microBatch: number;
}

export interface ScoreOptions {
  readonly temperature: number;
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
  /** Tokens that llama_decode had to process for this call; fewer than ids.length where the KV cache held a prefix. */
  readonly decoded: number;
}

export interface Scorer {
  readonly contextSize: number;
  readonly microBatch: number;
  /** "host", or "device" where the reduction runs behind the logits on the back end. */
  readonly reduces: "host" | "device";
  /**
   * Scores a token sequence. The KV cache and the rows of the previous call are kept, so a sequence that shares a prefix
   * with the previous one costs only what stands behind the first changed token.
   * A sequence longer than the context is scored in windows of contextSize tokens that overlap by half.
   * @param onProgress (tokens done, tokens to do), on the JavaScript thread, at most once per micro-batch
   * @param signal aborts within one micro-batch: the promise rejects with an Error named AbortError, the cache stays usable
   */
  score(
    ids: Int32Array,
    options: ScoreOptions,
    onProgress?: (done: number, total: number) => void,
    signal?: AbortSignal,
  ): Promise<Scores>;
  free(): void;
}
