/**
 * The typed face of the add-on's training kernel (native/src/train_*.cpp): LoRA over a frozen GGUF, forward and backward by
 * ggml's automatic differentiation. The objective itself is TypeScript (core/rl/): the kernel hands it log-probabilities
 * and entropies in the middle of the graph and takes derivatives back.
 *
 * Everything that takes long runs on a thread of its own; one call at a time per kernel (a second one rejects).
 */
import type { Addon, Model } from "./binding";
import type { RolloutEngine, RolloutEngineOptions } from "./rollouts";

/** The add-on's exports, with what training needs. `open` must have been called. */
export interface TrainingAddon extends Addon {
  /**
   * Reads a GGUF and puts new LoRA matrices on it (A by seed, B zero: the model starts unchanged).
   *
   * Rejects with an Error that says what is supported where the architecture is not llama, qwen2 or qwen3 (dense), a weight
   * has a type other than F32, F16, BF16, Q8_0, or the rope is scaled; and one that names the file where it cannot be read,
   * is torn, or does not fit in memory.
   * @param onProgress 0 to 1 of the weights read, on the JavaScript thread
   */
  createTrainer(
    modelPath: string,
    options: TrainerOptions,
    onProgress?: (fraction: number) => void,
  ): Promise<TrainingKernel>;
  /** Many rollouts at once over a loaded model; the model must outlive it. Throws where memory does not suffice. */
  createRollouts(model: Model, options: RolloutEngineOptions): RolloutEngine;
}

/** Linear layers that can carry LoRA matrices, by their names in GGUF. */
export type LoraTarget =
  | "attn_q"
  | "attn_k"
  | "attn_v"
  | "attn_output"
  | "ffn_gate"
  | "ffn_up"
  | "ffn_down";

export interface TrainerOptions {
  /** Inner width of the LoRA matrices, at least 1. */
  readonly rank: number;
  /** The product B A is scaled by alpha / rank. */
  readonly alpha: number;
  /** At least one; every layer of the model gets the matrices of each. */
  readonly targets: readonly LoraTarget[];
  /** Unsigned 32 bits; the same seed gives the same A. */
  readonly seed: number;
  /**
   * The physical cores. On the CPU a batch's sequences are shared out to workers with one thread each, as far as there are
   * sequences; the same number of threads gives the same numbers bit for bit, another one differs by rounding.
   */
  readonly threads: number;
  /** Name of a device of `OpenedLibrary.devices`; undefined for the CPU. Operations that it lacks run on the CPU. */
  readonly device?: string | undefined;
  /**
   * How the backward pass multiplies; the same numbers up to rounding. Left out: "tiled" (the add-on's own outer product) on
   * the CPU, "matmul" (ggml's MUL_MAT on transposed copies of the weights) on a device. "plain": ggml's OUT_PROD.
   */
  readonly backward?: "tiled" | "matmul" | "plain" | undefined;
}

/**
 * Token sequences and the positions whose distributions are wanted. Sequences are padded to the longest of the batch: put
 * sequences of like length together (`planMicroBatches` of core/rl/microBatch.ts does).
 */
export interface TokenBatch {
  /** Sequences laid end to end. */
  readonly ids: Int32Array;
  /** First token of each sequence in `ids` and, last, ids.length: shape [sequences + 1], rising. */
  readonly offsets: Int32Array;
  /**
   * Indices into `ids`, rising: the tokens that are predicted, each from its predecessor in its sequence (so never a
   * sequence's first). Only their rows go through the output matrix.
   */
  readonly targets: Int32Array;
  /** T of softmax(logits / T), above 0: the temperature of the rollouts. */
  readonly temperature: number;
}

/** Of each target token, shape [targets]. */
export interface TargetColumns {
  /** ln softmax(logits / T) of the token that stands there, nats */
  readonly logprob: Float32Array;
  /** of the full softmax(logits / T), nats */
  readonly entropy: Float32Array;
}

/** dLoss/dlogprob and dLoss/dentropy of each target token, shape [targets]; `clippedObjective` gives them. */
export interface TargetGradients {
  readonly byLogprob: Float64Array;
  readonly byEntropy: Float64Array;
}

export interface AdamWSettings {
  readonly learningRate: number;
  /** Decoupled: p -= learningRate * weightDecay * p before the step, as torch.optim.AdamW. */
  readonly weightDecay: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Gradients are scaled down to this Euclidean norm over all parameters; 0 switches clipping off. */
  readonly maxGradNorm: number;
}

export interface OptimizerStepResult {
  /** Euclidean norm of all accumulated gradients, before clipping. */
  readonly gradNorm: number;
  /** The norm was not finite: nothing was changed, the gradients were dropped. */
  readonly skipped: boolean;
}

export interface KernelDescription {
  /** general.architecture */
  readonly architecture: string;
  readonly layers: number;
  readonly vocabularySize: number;
  /** tokens */
  readonly trainedContext: number;
  /** Names of the weights' types, for example ["F32", "Q8_0"]. */
  readonly weightTypes: readonly string[];
  /** Parameters in all LoRA matrices. */
  readonly trainableParameters: number;
  /** Where the graph runs. */
  readonly device: string;
  /** Names of the ggml operations that the device lacks and the CPU takes over; empty on the CPU. */
  readonly fallbackOperations: readonly string[];
  /** bytes of the frozen weights and their transposed copies */
  readonly weightBytes: number;
}

export interface TrainingKernel {
  readonly description: KernelDescription;

  /**
   * Log-probabilities and entropies without a gradient.
   * @param options.base leave the adapter out: the frozen model (for a KL term, or the overlap with the base model)
   * Rejects where the batch's columns do not fit, an id is outside the vocabulary, a target is the first of its sequence,
   * or memory does not suffice.
   */
  forward(
    batch: TokenBatch,
    options?: { readonly base?: boolean },
  ): Promise<TargetColumns>;

  /**
   * Forward, objective, backward; the gradients are ADDED to those accumulated since the last optimizerStep.
   * @param objective called once, on the JavaScript thread, with the columns of all targets; what it throws rejects the
   *   promise and leaves the accumulated gradients as they were
   */
  accumulate(
    batch: TokenBatch,
    objective: (
      logprob: Float32Array,
      entropy: Float32Array,
    ) => TargetGradients,
  ): Promise<TargetColumns>;

  /** One AdamW step over the accumulated gradients, which are then zero. */
  optimizerStep(settings: AdamWSettings): OptimizerStepResult;
  /** Drops what was accumulated. */
  zeroGradients(): void;
  /** AdamW steps taken so far. */
  readonly step: number;

  /** Writes the adapter in GGUF, F32, as stock llama.cpp loads it; to a temporary name, then renamed. */
  saveAdapter(path: string): void;
  /** Replaces the LoRA matrices by those of a GGUF that saveAdapter wrote; optimiser state is reset. Throws where names or shapes differ. */
  loadAdapter(path: string): void;
  /** LoRA matrices, AdamW moments and step: with importState, training goes on bit for bit. Not the accumulated gradients. */
  exportState(): Uint8Array;
  /** @throws Error where the state is torn, or made for other matrices */
  importState(state: Uint8Array): void;

  /** GGUF names, for example "blk.0.attn_q.weight.lora_a", in a fixed order. */
  parameterNames(): string[];
  /** lora_a: shape [rank, in], lora_b: [out, rank], row-major, as torch has them. */
  parameter(name: string): Float32Array;
  setParameter(name: string, values: Float32Array): void;
  /** What was accumulated so far, in the parameter's shape. */
  gradient(name: string): Float32Array;

  /** Throws while a call runs. */
  free(): void;
}
