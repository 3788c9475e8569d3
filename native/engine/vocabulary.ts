import type { ModelIdentity } from "../../core/annotation/scoredTrace";
import type { TokenPieces } from "../../core/engine/protocol";
import type { Model } from "../addon/binding";
import { asFailure } from "./addonFailure";
import { readModelFile } from "./gguf/modelFile";
import type { Llama } from "./llama";
import { stampOf } from "./loadedModel";

/** A model's tokenizer without its weights. */
export class Vocabulary {
  private constructor(
    private readonly model: Model,
    private readonly identity: ModelIdentity,
    private readonly stamp: string,
  ) {}

  /** @throws EngineFailure badModel or unsupportedModel; an Error named AbortError where `signal` aborted */
  static async load(
    path: string,
    llama: Llama,
    signal: AbortSignal,
  ): Promise<Vocabulary> {
    const file = readModelFile(path);
    const stamp = stampOf(path);
    const model = await llama.addon
      .loadModel(
        path,
        { gpuLayers: 0, vocabularyOnly: true },
        undefined,
        signal,
      )
      .catch((error: unknown) => {
        throw asFailure(error);
      });
    const identity = {
      name: file.name,
      path: file.path,
      architecture: file.architecture,
      quantization: file.quantization,
      vocabularySize: model.vocabularySize,
      parameters: file.parameters,
      sizeBytes: file.sizeBytes,
      fingerprint: file.fingerprint,
    };
    return new Vocabulary(model, identity, stamp);
  }

  /** Whether this is the file that stands at `path` now. */
  is(path: string): boolean {
    return path === this.identity.path && stampOf(path) === this.stamp;
  }

  /** The bytes of each id that the vocabulary has. */
  pieces(ids: Int32Array): TokenPieces {
    const known = Int32Array.from(
      [...new Set(ids)].filter(
        (id) => id >= 0 && id < this.model.vocabularySize,
      ),
    );
    const bytes = this.model.pieces(known);
    return {
      model: this.identity,
      pieces: new Map(Array.from(known, (id, i) => [id, bytes[i]!])),
    };
  }

  free(): void {
    this.model.free();
  }
}
