/** run.json: what a run is, written before anything is trained. */
import { createHash } from "node:crypto";
import {
  closeSync,
  createReadStream,
  openSync,
  readSync,
  statSync,
} from "node:fs";
import { basename, dirname, resolve } from "node:path";
import type { HashedFile, RunDescription } from "../../core/run/folder";
import { mapPaths } from "../../core/run/runPaths";
import { runNameOf } from "../../core/run/names";
import type { RunSettings } from "../../core/run/settings";
import { messageOf } from "../errorMessage";
import { RunError } from "./runError";

const GGUF_MAGIC = "GGUF";
const MODEL_NEEDED =
  " The engine embedded trains a GGUF file; Hugging Face folders and ids are for the engines trl and ray.";

/** Paths made absolute, relative to the run file's folder. */
export function resolvePaths(
  settings: RunSettings,
  runFile: string,
): RunSettings {
  return mapPaths(settings, (path) => resolve(dirname(runFile), path));
}

export interface Versions {
  readonly forksight: string;
  readonly llamaCpp: string;
}

/** Before anything is hashed or made. @throws RunError where the model is no file, or does not begin as a GGUF does */
export function checkModel(path: string): void {
  let start: Buffer;
  try {
    start = firstBytes(path, GGUF_MAGIC.length);
  } catch (error) {
    throw unreadable("model", error);
  }
  if (start.toString("latin1") !== GGUF_MAGIC)
    throw new RunError(`model: ${path} is no GGUF file.${MODEL_NEEDED}`);
}

function firstBytes(path: string, length: number): Buffer {
  const descriptor = openSync(path, "r");
  try {
    const bytes = Buffer.alloc(length);
    return bytes.subarray(0, readSync(descriptor, bytes, 0, length, 0));
  } finally {
    closeSync(descriptor);
  }
}

/** @param settings with absolute paths. @throws RunError where a file cannot be read */
export async function describeRun(
  settings: RunSettings,
  runFile: string,
  versions: Versions,
  onProgress: (file: string) => void,
): Promise<RunDescription> {
  const evalFiles: Record<string, HashedFile> = {};
  for (const [name, path] of Object.entries(settings.data.eval))
    evalFiles[name] = await hashFile(path, `data.eval.${name}`, onProgress);
  return {
    format: 1,
    name: settings.name ?? runNameOf(runFile),
    engine: settings.engine,
    created: new Date().toISOString(),
    runFile,
    settings,
    seed: settings.seed,
    versions: { ...versions, node: process.versions.node },
    model: await hashFile(settings.model, "model", onProgress),
    data: {
      train: await hashFile(settings.data.train, "data.train", onProgress),
      eval: evalFiles,
    },
  };
}

/** @throws RunError where the model or the data is not what it was when the run began */
export async function checkUnchanged(
  { model, data }: RunDescription,
  onProgress: (file: string) => void,
): Promise<void> {
  const files: [string, HashedFile][] = [
    ["model", model],
    ["data.train", data.train],
    ...Object.entries(data.eval).map(([name, file]): [string, HashedFile] => [
      `data.eval.${name}`,
      file,
    ]),
  ];
  for (const [field, { path, sha256 }] of files) {
    const now = await hashFile(path, field, onProgress);
    if (now.sha256 !== sha256) {
      throw new RunError(
        `${path} (${field}) has changed since the run began, so that resuming would mix two runs. Bring the old file back, or start a new run.`,
      );
    }
  }
}

async function hashFile(
  path: string,
  field: string,
  onProgress: (file: string) => void,
): Promise<HashedFile> {
  onProgress(basename(path));
  const hash = createHash("sha256");
  try {
    const bytes = statSync(path).size;
    for await (const chunk of createReadStream(path, {
      highWaterMark: 1 << 20,
    }))
      hash.update(chunk as Buffer);
    return { path, sha256: hash.digest("hex"), bytes };
  } catch (error) {
    throw unreadable(field, error);
  }
}

function unreadable(field: string, error: unknown): RunError {
  const needed = field === "model" ? MODEL_NEEDED : "";
  return new RunError(`${field} cannot be read: ${messageOf(error)}.${needed}`);
}
