import { basename } from "node:path";
import { knownPlaces } from "./modelPlaces";
import type { ModelSource, Surroundings } from "./modelPlaces";
import { ollamaModels } from "./ollamaModels";
import { FileWalk, sizeOf } from "./fileWalk";

/** A GGUF file that was found, not yet read. */
export interface FoundModel {
  /** Absolute path; of the first part where the model is split. */
  readonly path: string;
  /** What the place calls it: `qwen3:8b`, `owner/repository/file.gguf`, or the file's name. */
  readonly name: string;
  readonly source: ModelSource;
  /** Bytes, all parts together. */
  readonly sizeBytes: number;
}

export interface DiscoverOptions {
  /** Folders from the setting `forksight.modelFolders`. */
  readonly folders: readonly string[];
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds after which the search ends with what it has. */
  readonly timeLimit?: number;
  /** For tests: another home, environment and platform than this process's. */
  readonly surroundings?: Surroundings;
}

const TIME_LIMIT = 5000;
const FIRST_PART = /-0*1-of-(\d{5})\.gguf$/;
const LATER_PART = /-\d{5}-of-\d{5}\.gguf$/;

/**
 * Finds GGUF models in the configured folders and in the caches of LM Studio, Ollama, llama.cpp and Hugging Face.
 * Bounded in depth and in time. What belongs to another model (vision projectors, later parts) is left out, and a file
 * that is reached by two ways is listed once. Folders that cannot be read count as empty.
 */
export async function discoverModels(
  options: DiscoverOptions,
): Promise<FoundModel[]> {
  const walk = new FileWalk(
    performance.now() + (options.timeLimit ?? TIME_LIMIT),
    options.signal,
  );
  const found = new Map<string, FoundModel>();
  for (const place of knownPlaces(options.folders, options.surroundings)) {
    if (place.source === "ollama") {
      for (const model of await ollamaModels(place.folder, walk)) {
        add(found, model.real, { ...model.model, source: place.source });
      }
      continue;
    }
    const files = await walk.files(place.folder, isModelFile);
    for (const { path, real } of files) {
      add(found, real, {
        path,
        name: nameIn(place.source, place.folder, path),
        source: place.source,
        sizeBytes: await sizeOfAllParts(path),
      });
    }
  }
  return [...found.values()];
}

function add(
  found: Map<string, FoundModel>,
  real: string,
  model: FoundModel,
): void {
  if (!found.has(real)) {
    found.set(real, model);
  }
}

function isModelFile(name: string): boolean {
  return (
    name.toLowerCase().endsWith(".gguf") &&
    !/mmproj/i.test(name) &&
    (!LATER_PART.test(name) || FIRST_PART.test(name))
  );
}

/** `models--owner--repository/snapshots/<revision>/file.gguf` reads owner/repository/file.gguf. */
function nameIn(source: ModelSource, folder: string, path: string): string {
  const parts = path.slice(folder.length).split(/[\\/]/).filter(Boolean);
  if (source === "huggingFace") {
    const [repository = "", , , ...file] = parts;
    return [...repository.replace(/^models--/, "").split("--"), ...file].join(
      "/",
    );
  }
  return source === "lmStudio" ? parts.join("/") : basename(path);
}

async function sizeOfAllParts(path: string): Promise<number> {
  const total = Number(FIRST_PART.exec(path)?.[1] ?? 1);
  let size = 0;
  for (let part = 1; part <= total; part++) {
    const number = String(part).padStart(5, "0");
    size += await sizeOf(path.replace(FIRST_PART, `-${number}-of-$1.gguf`));
  }
  return size;
}
