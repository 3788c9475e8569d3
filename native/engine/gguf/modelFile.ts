import { createHash } from "node:crypto";
import { closeSync, existsSync, openSync, readSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { ModelIdentity } from "../../../core/annotation/scoredTrace";
import { messageOf } from "../../errorMessage";
import { EngineFailure } from "../failure";
import { GgufError } from "../../../core/gguf/cursor";
import { readGgufHeader } from "./header";
import type {
  GgufHeader,
  GgufTensor,
  GgufValue,
} from "../../../core/gguf/header";
import { FILE_TYPES } from "../../../core/gguf/tensorTypes";

/** A GGUF model that could be read and is whole; whether it can be scored with is said by `unsupportedReason`. */
export interface ModelFile extends ModelIdentity {
  /** Longest context that the model was trained for, in tokens. */
  readonly trainedContext: number;
  /** Transformer blocks. */
  readonly blocks: number;
  /** Tensors of all parts. */
  readonly tensors: readonly GgufTensor[];
  /** A key of the architecture, for example `attention.head_count_kv`. */
  readonly setting: (key: string) => GgufValue | undefined;
  readonly metadata: ReadonlyMap<string, GgufValue>;
}

/** Where a model does not say for how long a context it was trained. */
const ASSUMED_CONTEXT = 2048;
const HASHED_HEAD = 64 * 1024;
/** llama.cpp's name of the parts of a model that is split into several files. */
const PART_NAME = /-(\d{5})-of-(\d{5})\.gguf$/;

/**
 * Reads what a model file says of itself, and checks that it is a whole GGUF: magic number, version, every length,
 * the tensors' data (of all parts, where it is split).
 * @throws EngineFailure badModel with what is wrong
 */
export function readModelFile(path: string): ModelFile {
  const parts = partPaths(path);
  const headers = parts.map((part) => readWholeHeader(part));
  const first = headers[0];
  if (first === undefined) {
    throw badModel(path, "it has no parts");
  }
  const { metadata } = first;
  const architecture = metadata.get("general.architecture");
  if (typeof architecture !== "string" || architecture === "") {
    throw badModel(path, "it does not name its architecture");
  }
  const setting = (key: string): GgufValue | undefined =>
    metadata.get(`${architecture}.${key}`);
  const tensors = headers.flatMap((header) => header.tensors);
  return {
    name: nameOf(metadata, path),
    path,
    architecture,
    quantization: quantizationOf(metadata, tensors),
    vocabularySize: vocabularyOf(metadata, setting),
    parameters: tensors.reduce((sum, tensor) => sum + tensor.elements, 0),
    sizeBytes: headers.reduce((sum, header) => sum + header.fileSize, 0),
    fingerprint: fingerprintOf(parts),
    trainedContext: positive(setting("context_length")) ?? ASSUMED_CONTEXT,
    blocks: positive(setting("block_count")) ?? 0,
    tensors,
    setting,
    metadata,
  };
}

/** All files of a model: one, or the parts of a split one in order. @throws EngineFailure where a part is missing */
function partPaths(path: string): string[] {
  if (!existsSync(path)) {
    throw new EngineFailure(
      "badModel",
      `There is no file ${path}. Choose a model that is there.`,
      "chooseModel",
    );
  }
  const match = PART_NAME.exec(path);
  if (match === null) {
    return [path];
  }
  const [suffix, , total = ""] = match;
  const stem = basename(path).slice(0, -suffix.length);
  return Array.from({ length: Number(total) }, (_, index) => {
    const number = String(index + 1).padStart(5, "0");
    const part = join(dirname(path), `${stem}-${number}-of-${total}.gguf`);
    if (!existsSync(part)) {
      throw badModel(path, `its part ${basename(part)} is not beside it`);
    }
    return part;
  });
}

function readWholeHeader(
  path: string,
  bad: (path: string, what: string) => EngineFailure = badModel,
): GgufHeader {
  let header: GgufHeader;
  try {
    header = readGgufHeader(path);
  } catch (error) {
    if (error instanceof GgufError) {
      throw bad(path, error.message);
    }
    throw bad(path, `it cannot be read: ${messageOf(error)}`);
  }
  for (const tensor of header.tensors) {
    const end = header.dataStart + tensor.offset + tensor.bytes;
    if (end > header.fileSize) {
      throw bad(
        path,
        `it is truncated: it has ${String(header.fileSize)} bytes, and tensor "${tensor.name}" would end at byte ${String(end)}. ` +
          "Download it again",
      );
    }
  }
  return header;
}

/**
 * Checks that a file is a LoRA adapter for a model of this architecture.
 * @throws EngineFailure badModel
 */
export function readAdapter(path: string, model: ModelFile): void {
  if (!existsSync(path)) {
    throw new EngineFailure(
      "badModel",
      `There is no adapter ${path}. Choose one that is there, or none.`,
      "dropAdapter",
    );
  }
  const { metadata } = readWholeHeader(path, badAdapter);
  if (metadata.get("general.type") !== "adapter") {
    throw badAdapter(path, "it is not a LoRA adapter");
  }
  const architecture = metadata.get("general.architecture");
  if (architecture !== model.architecture) {
    throw badAdapter(
      path,
      `it is an adapter for "${typeof architecture === "string" ? architecture : "?"}", and ${model.name} is "${model.architecture}"`,
    );
  }
}

function badModel(path: string, what: string): EngineFailure {
  return new EngineFailure(
    "badModel",
    `${basename(path)} is not a usable model file: ${what}. Choose another model.`,
    "chooseModel",
  );
}

function badAdapter(path: string, what: string): EngineFailure {
  return new EngineFailure(
    "badModel",
    `${basename(path)} is not a usable adapter: ${what}. Choose another adapter, or none.`,
    "dropAdapter",
  );
}

function nameOf(metadata: GgufHeader["metadata"], path: string): string {
  const name = metadata.get("general.name");
  return typeof name === "string" && name.trim() !== ""
    ? name.trim()
    : basename(path);
}

function quantizationOf(
  metadata: GgufHeader["metadata"],
  tensors: readonly GgufTensor[],
): string {
  const fileType = metadata.get("general.file_type");
  const named =
    typeof fileType === "number" ? FILE_TYPES.get(fileType) : undefined;
  if (named !== undefined) {
    return named;
  }
  // The type that holds most of the weights.
  const bytes = new Map<string, number>();
  for (const tensor of tensors) {
    bytes.set(tensor.type, (bytes.get(tensor.type) ?? 0) + tensor.bytes);
  }
  const [largest] = [...bytes].sort((a, b) => b[1] - a[1]);
  return largest?.[0] ?? "unknown";
}

function vocabularyOf(
  metadata: GgufHeader["metadata"],
  setting: ModelFile["setting"],
): number {
  const tokens = metadata.get("tokenizer.ggml.tokens");
  return typeof tokens === "object"
    ? tokens.length
    : (positive(setting("vocab_size")) ?? 0);
}

/** A positive number, or the largest of a per-layer array. */
export function positive(value: GgufValue | undefined): number | undefined {
  const number =
    typeof value === "object"
      ? Math.max(0, ...(value.numbers ?? []))
      : typeof value === "number"
        ? value
        : 0;
  return number > 0 ? number : undefined;
}

/** Size, modification time and the head of every part: what makes a cached annotation stale. */
function fingerprintOf(parts: readonly string[]): string {
  const hash = createHash("sha256");
  const head = Buffer.alloc(HASHED_HEAD);
  for (const part of parts) {
    const { size, mtimeMs } = statSync(part);
    hash.update(`${String(size)} ${String(Math.round(mtimeMs))}\n`);
    const descriptor = openSync(part, "r");
    try {
      const read = readSync(descriptor, head, 0, HASHED_HEAD, 0);
      hash.update(head.subarray(0, read));
    } finally {
      closeSync(descriptor);
    }
  }
  return hash.digest("hex").slice(0, 32);
}
