import type { ModelDescription } from "../../../core/engine/protocol";
import type { Precision } from "../../../core/annotation/scoredTrace";
import { positive } from "./modelFile";
import type { ModelFile } from "./modelFile";

/** Memory that a model can be put into. */
export interface MachineMemory {
  /** Bytes of main memory that can be taken without swapping. */
  readonly mainAvailable: number;
  /** Bytes free on all GPUs together; 0 without one. */
  readonly gpuAvailable: number;
  /** What the GPU is called, for the explanation. */
  readonly gpuName: string | undefined;
}

/** Tokens of context with which a model is judged: a reasoning trace of moderate length. */
const MODERATE_CONTEXT = 4096;
/** Share of the free memory that is planned with; the rest is for others and for what the estimate leaves out. */
const USABLE_SHARE = 0.92;
/** Tokens of a micro-batch that the compute buffer is estimated for. */
const MICRO_BATCH = 512;
/** Rows of the embedding's width that a compute buffer holds at its peak, roughly, beside the feed-forward ones. */
const BUFFER_ROWS = 8;
const F32 = 4;

/**
 * Bytes of KV cache for one token of context, all layers together, as llama.cpp allocates them: keys and values of
 * every KV head, 2 bytes each (F16), or 4 with `exact`. An upper bound for models with sliding windows or recurrent layers.
 */
export function kvBytesPerToken(file: ModelFile, precision: Precision): number {
  const heads = positive(file.setting("attention.head_count")) ?? 0;
  const kvHeads = positive(file.setting("attention.head_count_kv")) ?? heads;
  const width = positive(file.setting("embedding_length")) ?? 0;
  const headWidth = heads === 0 ? 0 : width / heads;
  const key = positive(file.setting("attention.key_length")) ?? headWidth;
  const value = positive(file.setting("attention.value_length")) ?? headWidth;
  return (
    file.blocks * kvHeads * (key + value) * (precision === "exact" ? F32 : 2)
  );
}

/** Bytes of the buffer that one micro-batch needs: the logits and the widest activations. */
export function computeBytes(file: ModelFile): number {
  const width = positive(file.setting("embedding_length")) ?? 0;
  const forward = positive(file.setting("feed_forward_length")) ?? 4 * width;
  return (
    MICRO_BATCH *
    (file.vocabularySize + BUFFER_ROWS * width + 3 * forward) *
    F32
  );
}

/**
 * Layers that go to the GPU, counted as llama.cpp counts `n_gpu_layers`: the output layer first, then the blocks from
 * the last one on; all of them are `blocks + 1`.
 *
 * Our own arithmetic over the tensors' sizes rather than node-llama-cpp's estimate: its present release loads the file
 * natively for every number of layers it tries, which is slow for a list of models, and a damaged file would end the
 * process that only wanted to describe it.
 */
export function gpuLayersThatFit(
  file: ModelFile,
  gpuBytes: number,
  contextSize: number,
  precision: Precision,
): number {
  const perBlock = new Array<number>(file.blocks).fill(
    file.blocks === 0
      ? 0
      : (kvBytesPerToken(file, precision) * contextSize) / file.blocks,
  );
  let output = 0;
  let embedding = 0;
  for (const tensor of file.tensors) {
    const block = Number(/^blk\.(\d+)\./.exec(tensor.name)?.[1] ?? -1);
    if (block >= 0 && block < perBlock.length) {
      perBlock[block] = (perBlock[block] ?? 0) + tensor.bytes;
    } else if (tensor.name === "token_embd.weight") {
      // The embedding itself stays in main memory; where it is tied, the output layer takes a copy.
      embedding = tensor.bytes;
    } else {
      output += tensor.bytes;
    }
  }
  const tied = !file.tensors.some((tensor) => tensor.name === "output.weight");
  let left =
    gpuBytes * USABLE_SHARE -
    computeBytes(file) -
    output -
    (tied ? embedding : 0);
  if (left < 0) {
    return 0;
  }
  let layers = 1;
  for (const bytes of perBlock.reverse()) {
    left -= bytes;
    if (left < 0) {
      break;
    }
    layers += 1;
  }
  return layers;
}

/** Whether a model fits, with a sentence that says why. */
export function fitOf(
  file: ModelFile,
  memory: MachineMemory,
): ModelDescription["fit"] {
  const totalLayers = file.blocks + 1;
  const context = Math.min(MODERATE_CONTEXT, file.trainedContext);
  const weights = file.tensors.reduce((sum, tensor) => sum + tensor.bytes, 0);
  const needed =
    weights + kvBytesPerToken(file, "fast") * context + computeBytes(file);
  const gpuLayers =
    memory.gpuAvailable === 0
      ? 0
      : gpuLayersThatFit(file, memory.gpuAvailable, context, "fast");
  const fits =
    needed <= memory.mainAvailable * USABLE_SHARE + memory.gpuAvailable;
  const where =
    gpuLayers === totalLayers
      ? `all layers on ${memory.gpuName ?? "the GPU"}`
      : gpuLayers > 0
        ? `${String(gpuLayers)} of ${String(totalLayers)} layers on ${memory.gpuName ?? "the GPU"}, the rest on the CPU`
        : "on the CPU";
  const available = memory.mainAvailable + memory.gpuAvailable;
  return {
    fits,
    gpuLayers,
    totalLayers,
    explanation: fits
      ? `Fits: about ${gigabytes(needed)}, ${where}.`
      : `Does not fit: it needs about ${gigabytes(needed)}, and ${gigabytes(available)} are free.`,
  };
}

/** For messages: bytes in GB with one digit, or MB. */
export function gigabytes(bytes: number): string {
  return bytes >= 1e9
    ? `${(bytes / 1e9).toFixed(1)} GB`
    : `${String(Math.max(1, Math.round(bytes / 1e6)))} MB`;
}
