import { statSync } from "node:fs";
import type {
  ModelIdentity,
  Precision,
} from "../../core/annotation/scoredTrace";
import type { EngineHealth } from "../../core/engine/protocol";
import type { Model, Scorer } from "../addon/binding";
import { addonCode, asFailure, speaksOfMemory } from "./addonFailure";
import { MINIMUM_CONTEXT, contextSizeFor } from "./contextSize";
import { EngineFailure } from "./failure";
import {
  computeBytes,
  gigabytes,
  gpuLayersThatFit,
  kvBytesPerToken,
} from "./gguf/fit";
import { readAdapter, readModelFile } from "./gguf/modelFile";
import type { ModelFile } from "./gguf/modelFile";
import { unsupportedReason } from "./gguf/support";
import type { Llama } from "./llama";
import { availableMemory, gpuDevices, machineMemory } from "./machine";

/** What a scorer is made for. */
export interface ScorerWish {
  readonly precision: Precision;
  readonly adapterPath: string | undefined;
  /** Tokens of the trace with its conditioning. */
  readonly needed: number;
  /** The setting; 0 takes what the trace needs. */
  readonly contextSize: number;
  readonly threads: number;
}

type Ready = Extract<EngineHealth, { state: "ready" }>;

/** One model in memory, and the one scorer that is kept with its KV cache. */
export class LoadedModel {
  readonly ready: Ready;
  private scorer: { readonly made: Scorer; readonly key: string } | undefined;

  private constructor(
    readonly model: Model,
    private readonly file: ModelFile,
    private readonly stamp: string,
    private readonly llama: Llama,
    readonly gpuLayers: number,
    device: string,
  ) {
    this.ready = {
      state: "ready",
      model: this.identity,
      device,
      gpuLayers,
      totalLayers: file.blocks + 1,
    };
  }

  get identity(): ModelIdentity {
    const { file } = this;
    return {
      name: file.name,
      path: file.path,
      architecture: file.architecture,
      quantization: file.quantization,
      vocabularySize: this.model.vocabularySize,
      parameters: this.model.parameters,
      sizeBytes: file.sizeBytes,
      fingerprint: file.fingerprint,
    };
  }

  /**
   * Checks a file, then loads it with as many layers on the GPU as fit.
   * @throws EngineFailure badModel, unsupportedModel or outOfMemory; an Error named AbortError where `signal` aborted
   */
  static async load(
    path: string,
    llama: Llama,
    onProgress: (name: string, fraction: number) => void,
    signal: AbortSignal,
  ): Promise<LoadedModel> {
    const file = readModelFile(path);
    const stamp = stampOf(path);
    // An architecture that it does not know llama.cpp refuses by itself, and in so many words.
    const reason = unsupportedReason(file, undefined);
    if (reason !== undefined) {
      throw unsupported(file, reason);
    }
    const useGpu = llama.backEnd.kind !== "cpu";
    const memory = machineMemory(llama.devices(), useGpu);
    checkMemory(file, memory.mainAvailable + memory.gpuAvailable);
    let layers =
      memory.gpuAvailable === 0
        ? 0
        : gpuLayersThatFit(
            file,
            memory.gpuAvailable,
            Math.min(4096, file.trainedContext),
            "fast",
          );
    onProgress(file.name, 0);
    for (;;) {
      try {
        const model = await llama.addon.loadModel(
          path,
          { gpuLayers: layers },
          (fraction) => {
            onProgress(file.name, fraction);
          },
          signal,
        );
        if (!model.hasDecoder) {
          model.free();
          throw unsupported(file, "it does not predict the next token");
        }
        const device = layers > 0 ? (memory.gpuName ?? "GPU") : "CPU";
        return new LoadedModel(model, file, stamp, llama, layers, device);
      } catch (error) {
        // The estimate may have been too hopeful: with fewer layers on the GPU it may still work.
        if (layers === 0 || !speaksOfMemory(error)) {
          throw loadFailure(file, error);
        }
        layers = Math.floor(layers / 2);
      }
    }
  }

  /** Whether this is the file that stands at `path` now. */
  is(path: string): boolean {
    return path === this.file.path && stampOf(path) === this.stamp;
  }

  /**
   * The scorer for a trace: the one that is there where it serves, with its KV cache, else a new one.
   * @throws EngineFailure outOfMemory, or badModel for an adapter
   */
  scorerFor(wish: ScorerWish): Scorer {
    const key = [wish.precision, wish.adapterPath ?? "", wish.threads].join(
      "\n",
    );
    const memoryLimit = (): number => this.contextInMemory(wish.precision);
    const kept = this.scorer;
    if (kept?.key === key) {
      // What an own context takes is not free, but it is there already: count it in by asking for no more than it has.
      const size = contextSizeFor({
        ...this.sizes(wish),
        memoryLimit: Infinity,
      });
      const serves =
        wish.contextSize > 0
          ? kept.made.contextSize === size
          : kept.made.contextSize >= size;
      if (serves) {
        return kept.made;
      }
    }
    this.freeScorer();
    if (wish.adapterPath !== undefined) {
      readAdapter(wish.adapterPath, this.file);
    }
    let size = contextSizeFor({
      ...this.sizes(wish),
      memoryLimit: memoryLimit(),
    });
    for (;;) {
      try {
        const made = this.model.createScorer({
          contextSize: size,
          precision: wish.precision,
          threads: wish.threads,
          ...(wish.adapterPath === undefined
            ? {}
            : { adapterPath: wish.adapterPath }),
          reduce: "auto",
          microBatch: 0,
        });
        this.scorer = { made, key };
        return made;
      } catch (error) {
        if (!speaksOfMemory(error) || size <= MINIMUM_CONTEXT) {
          throw asFailure(error);
        }
        size = Math.max(MINIMUM_CONTEXT, Math.floor(size / 2));
      }
    }
  }

  free(): void {
    this.freeScorer();
    this.model.free();
  }

  private freeScorer(): void {
    this.scorer?.made.free();
    this.scorer = undefined;
  }

  private sizes(wish: ScorerWish): {
    needed: number;
    wished: number;
    trained: number;
  } {
    const trained = this.model.trainedContext;
    return {
      needed: wish.needed,
      wished: wish.contextSize,
      trained: trained > 0 ? trained : this.file.trainedContext,
    };
  }

  /** Tokens of context for which there is memory now. @throws EngineFailure where not even the least fits */
  private contextInMemory(precision: Precision): number {
    const perToken = kvBytesPerToken(this.file, precision);
    if (perToken === 0) {
      return Infinity;
    }
    const gpu =
      this.gpuLayers === this.file.blocks + 1
        ? gpuDevices(this.llama.devices())
        : [];
    const available =
      gpu.length > 0
        ? gpu.reduce((sum, device) => sum + device.freeMemory, 0)
        : availableMemory();
    const tokens = Math.floor((available - computeBytes(this.file)) / perToken);
    if (tokens < MINIMUM_CONTEXT && gpu.length === 0) {
      throw this.noContext(MINIMUM_CONTEXT, `${gigabytes(available)} are free`);
    }
    return Math.max(tokens, MINIMUM_CONTEXT);
  }

  private noContext(size: number, why: string): EngineFailure {
    return new EngineFailure(
      "outOfMemory",
      `There is not enough memory for a context of ${String(size)} tokens of ${this.file.name}: ${why}. ` +
        "Close other programs or choose a smaller model.",
      this.gpuLayers > 0 ? "turnGpuOff" : "chooseModel",
    );
  }
}

function checkMemory(file: ModelFile, available: number): void {
  const weights = file.tensors.reduce((sum, tensor) => sum + tensor.bytes, 0);
  const needed = weights + computeBytes(file);
  if (needed > available) {
    throw new EngineFailure(
      "outOfMemory",
      `${file.name} needs about ${gigabytes(needed)} of memory, and ${gigabytes(available)} are free. ` +
        "Choose a smaller model or a smaller quantisation of this one.",
      "chooseModel",
    );
  }
}

function unsupported(file: ModelFile, reason: string): EngineFailure {
  return new EngineFailure(
    "unsupportedModel",
    `Forksight cannot annotate with ${file.name}: ${reason}. Choose another model.`,
    "chooseModel",
  );
}

function loadFailure(file: ModelFile, error: unknown): unknown {
  if (!(error instanceof Error) || addonCode(error) !== "BAD_MODEL") {
    return asFailure(error);
  }
  if (speaksOfMemory(error)) {
    return new EngineFailure(
      "outOfMemory",
      `${file.name} does not fit in memory: ${error.message}. Choose a smaller model.`,
      "chooseModel",
    );
  }
  // llama.cpp tells only in words what it does not support.
  const isForeign = /unknown model architecture|not supported/i.test(
    error.message,
  );
  return new EngineFailure(
    isForeign ? "unsupportedModel" : "badModel",
    `llama.cpp refused ${file.name}: ${error.message}. Choose another model.`,
    "chooseModel",
  );
}

/** Changes when the file does; readable for a file that is not there. */
export function stampOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined
    ? "gone"
    : `${String(stat.size)} ${String(stat.mtimeMs)}`;
}
