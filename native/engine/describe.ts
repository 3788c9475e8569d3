import type {
  DescribedModel,
  ModelDescription,
} from "../../core/engine/protocol";
import { fitOf } from "./gguf/fit";
import { readModelFile } from "./gguf/modelFile";
import { shapeOf } from "./gguf/shape";
import { unsupportedReason } from "./gguf/support";
import type { Llama } from "./llama";
import { machineMemory } from "./machine";

/**
 * Describes GGUF files from their headers alone. A file that cannot be read becomes an error in its place.
 * @param aborted asked between two files
 */
export async function describeModels(
  llama: Llama,
  paths: readonly string[],
  aborted: () => boolean,
): Promise<DescribedModel[]> {
  const memory = machineMemory(llama.devices(), llama.backEnd.kind !== "cpu");
  const described: DescribedModel[] = [];
  for (const path of paths) {
    if (aborted()) {
      break;
    }
    try {
      const file = readModelFile(path);
      const reason = unsupportedReason(
        file,
        await llama.backEnd.knowsArchitecture(file.architecture),
      );
      const shape = shapeOf(file);
      const model: ModelDescription = {
        name: file.name,
        path: file.path,
        architecture: file.architecture,
        quantization: file.quantization,
        vocabularySize: file.vocabularySize,
        parameters: file.parameters,
        sizeBytes: file.sizeBytes,
        fingerprint: file.fingerprint,
        trainedContext: file.trainedContext,
        fit: fitOf(file, memory),
        ...(shape === undefined ? {} : { shape }),
        ...(reason === undefined ? {} : { unsupported: reason }),
      };
      described.push({ kind: "model", model });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      described.push({ kind: "error", path, message });
    }
  }
  return described;
}
