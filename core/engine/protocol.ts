/**
 * The boundary between the engine process and whoever started it (the extension host, the CLI): JSON-RPC over Node's
 * IPC channel with `serialization: "advanced"`, so typed arrays and maps cross as they are.
 *
 * Requests carry their result's type in `EngineRequests`; notifications from the engine are `EngineNotifications`.
 */
import type {
  ModelIdentity,
  Precision,
  ScoredTrace,
} from "../annotation/scoredTrace";

/** Setting `forksight.gpu`. */
export type GpuChoice = "auto" | "cuda" | "vulkan" | "metal" | "off";

/** What stands in front of the coloured text: nothing, raw text, or messages for the model's own chat template. */
export type Conditioning =
  | { readonly kind: "none" }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "messages"; readonly messages: readonly ChatMessage[] };

/** One message of a conversation, as chat templates know it. */
export interface ChatMessage {
  readonly role: string;
  readonly content: string;
}

/**
 * Environment variable that tells a trainer, which no message reaches, the folder of the CUDA libraries that were
 * installed on request.
 */
export const CUDA_FOLDER_VARIABLE = "FORKSIGHT_CUDA_FOLDER";

/** How the engine is set up; sent at its start and when a setting changes. */
export interface EngineConfiguration {
  readonly gpu: GpuChoice;
  /** Minutes without a request after which the model is unloaded; 0 keeps it. */
  readonly idleUnloadMinutes: number;
  /** Threads for the CPU; 0 takes the physical cores (more than those make ggml spin). */
  readonly threads: number;
  /** A folder to which CUDA's libraries were installed on request, if any. */
  readonly cudaFolder?: string;
}

/** Score a text under a model. The engine loads the model first where another one, or none, is loaded. */
export interface AnnotateParams {
  /** Absolute path of a GGUF file. */
  readonly modelPath: string;
  /** Absolute path of a LoRA adapter in GGUF, if any. */
  readonly adapterPath?: string;
  /** Conditions the text but is not coloured. */
  readonly conditioning: Conditioning;
  /** The coloured text. */
  readonly text: string;
  readonly temperature: number;
  readonly topK: number;
  readonly precision: Precision;
  /** Wished-for tokens of context; 0 takes as much as the trace needs. Capped by the model and by memory. */
  readonly contextSize: number;
  /** Chosen by the caller; progress notifications carry it. */
  readonly progressId: number;
}

/** What a GGUF file says of itself, read without loading its weights. */
export interface ModelDescription extends ModelIdentity {
  /** Longest context that the model was trained for, in tokens. */
  readonly trainedContext: number;
  /** Whether weights and a context of moderate length fit in this machine's memory, and how many layers fit on the GPU. */
  readonly fit: {
    readonly fits: boolean;
    readonly gpuLayers: number;
    readonly totalLayers: number;
    readonly explanation: string;
  };
  /** What memory and time of training follow from; left out where the header does not say. */
  readonly shape?: ModelShape;
  /** Set where the file cannot be used for annotation: why. */
  readonly unsupported?: string;
}

/** The measures of a dense transformer. */
export interface ModelShape {
  readonly layers: number;
  /** Of the hidden state. */
  readonly width: number;
  /** Of the feed-forward layer. */
  readonly forward: number;
  readonly heads: number;
  readonly kvHeads: number;
  /** Of one head's keys, and of its values. */
  readonly keySize: number;
  readonly valueSize: number;
  readonly vocabulary: number;
  /** Weights in the layers: all but embedding and output. */
  readonly blockParameters: number;
  /** All weights, as they are stored. */
  readonly weightBytes: number;
}

/** Requests from the client to the engine. */
export interface EngineRequests {
  /** Sets the configuration. A change of `gpu` unloads the model; a change of back end needs a restart of the process, which the client does. */
  configure: { params: EngineConfiguration; result: null };
  annotate: { params: AnnotateParams; result: ScoredTrace };
  /** Describes GGUF files without loading weights. Files that cannot be read come back as errors in place. */
  describeModels: {
    params: { readonly paths: readonly string[] };
    result: readonly DescribedModel[];
  };
  /** Downloads a model: `hf:owner/repository/file.gguf` or an https address. Only ever called because the user asked. */
  downloadModel: {
    params: {
      readonly address: string;
      readonly folder: string;
      readonly progressId: number;
    };
    result: { readonly path: string };
  };
  /** The bytes of tokens, by the model's vocabulary alone: no weights are loaded. */
  pieces: { params: PiecesParams; result: TokenPieces };
  unload: { params: null; result: null };
}

export interface PiecesParams {
  /** Absolute path of a GGUF file. */
  readonly modelPath: string;
  readonly ids: Int32Array;
}

export interface TokenPieces {
  readonly model: ModelIdentity;
  /** The bytes of each id that was asked for; an id outside the vocabulary is missing. */
  readonly pieces: ReadonlyMap<number, Uint8Array>;
}

export type DescribedModel =
  | { readonly kind: "model"; readonly model: ModelDescription }
  | { readonly kind: "error"; readonly path: string; readonly message: string };

/** Notifications from the engine to the client. */
export interface EngineNotifications {
  health: EngineHealth;
  progress: Progress;
}

/** What the status item shows. */
export type EngineHealth =
  | { readonly state: "idle" }
  | {
      readonly state: "loading";
      readonly model: string;
      /** 0 to 1. */
      readonly fraction: number;
    }
  | {
      readonly state: "ready";
      readonly model: ModelIdentity;
      /** `CPU`, or the device's name as llama.cpp gives it. */
      readonly device: string;
      readonly gpuLayers: number;
      readonly totalLayers: number;
    }
  | {
      readonly state: "failed";
      readonly message: string;
      readonly action: EngineAction;
    };

export interface Progress {
  readonly progressId: number;
  /** tokens for a score, bytes for a download */
  readonly done: number;
  readonly total: number;
}

/** What the user can do about an error. */
export type EngineAction =
  | "chooseModel"
  | "dropAdapter"
  | "lowerContext"
  | "turnGpuOff"
  | "retry"
  | "none";

/** Error codes of ResponseError, beside JSON-RPC's own. */
export const ENGINE_ERROR = {
  /** The file is missing, truncated, foreign or damaged. */
  badModel: 1001,
  /** llama.cpp knows the file but Forksight cannot score with it. */
  unsupportedModel: 1002,
  /** Weights or context do not fit. */
  outOfMemory: 1003,
  /** The input text or its conditioning cannot be scored. */
  badInput: 1004,
  /** No back end of the asked kind on this machine. */
  noBackEnd: 1005,
  /** The process died while it worked on the request. */
  engineDied: 1006,
  /** A time limit passed. */
  timedOut: 1007,
} as const;

/** `data` of an error response. */
export interface EngineErrorData {
  readonly action: EngineAction;
}
