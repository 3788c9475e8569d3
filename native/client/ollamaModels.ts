import { readFile } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import type { FileWalk } from "./fileWalk";
import { realFile, sizeOf } from "./fileWalk";

/** The layer of an Ollama manifest that is the GGUF file. */
const MODEL_LAYER = "application/vnd.ollama.image.model";
const MANIFEST_LIMIT = 1 << 20;
/** host/namespace/model/tag */
const MANIFEST_DEPTH = 3;

interface Manifest {
  readonly layers?: readonly {
    readonly mediaType?: unknown;
    readonly digest?: unknown;
  }[];
}

/**
 * Models in Ollama's store: `manifests/<host>/<namespace>/<model>/<tag>` name blobs `blobs/sha256-<digest>`, which are
 * GGUF files. @returns with the names that `ollama list` shows
 */
export async function ollamaModels(
  folder: string,
  walk: FileWalk,
): Promise<
  {
    readonly real: string;
    readonly model: { path: string; name: string; sizeBytes: number };
  }[]
> {
  const root = join(folder, "manifests");
  const found = [];
  for (const { path } of await walk.files(root, () => true, MANIFEST_DEPTH)) {
    const blob = await blobOf(path, folder);
    const real = blob === undefined ? undefined : await realFile(blob);
    if (blob !== undefined && real !== undefined) {
      const name = nameOf(relative(root, path).split(sep));
      const model = { path: blob, name, sizeBytes: await sizeOf(blob) };
      found.push({ real, model });
    }
  }
  return found;
}

async function blobOf(
  manifestPath: string,
  folder: string,
): Promise<string | undefined> {
  if ((await sizeOf(manifestPath)) > MANIFEST_LIMIT) {
    return undefined;
  }
  try {
    const manifest = JSON.parse(
      await readFile(manifestPath, "utf8"),
    ) as Manifest;
    const digest = manifest.layers?.find(
      ({ mediaType }) => mediaType === MODEL_LAYER,
    )?.digest;
    // The digest becomes a file's name: nothing but what a digest is made of.
    return typeof digest === "string" && /^sha256:[0-9a-f]{64}$/.test(digest)
      ? join(folder, "blobs", digest.replace(":", "-"))
      : undefined;
  } catch {
    return undefined;
  }
}

/** `registry.ollama.ai/library/qwen3/8b` reads qwen3:8b; other hosts and namespaces stay in front. */
function nameOf(parts: readonly string[]): string {
  const tag = parts.at(-1) ?? "";
  const path = parts.slice(0, -1);
  const isDefaultHost = path[0] === "registry.ollama.ai";
  const shown = isDefaultHost ? path.slice(1) : path;
  const name = shown[0] === "library" ? shown.slice(1) : shown;
  return `${name.join("/")}:${tag}`;
}
