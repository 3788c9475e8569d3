/** What the conversion of an adapter must know of its base model. */
import type { GgufHeader } from "../gguf/header";
import { FormatError } from "./formatError";

export interface BaseModel {
  /** As GGUF names it. */
  readonly architecture: Architecture;
  /** Attention heads of queries, and of keys. Needed for llama alone. */
  readonly heads?: { readonly queries: number; readonly keys: number };
}

/** Architectures whose layers have the seven projections of core/exchange/adapter.ts, each a matrix of its own. */
export const ARCHITECTURES = ["llama", "qwen2", "qwen3"] as const;
export type Architecture = (typeof ARCHITECTURES)[number];

/** transformers' `model_type` to GGUF's `general.architecture`. */
const MODEL_TYPES: ReadonlyMap<unknown, Architecture> = new Map([
  ["llama", "llama"],
  ["mistral", "llama"],
  ["qwen2", "qwen2"],
  ["qwen3", "qwen3"],
]);

/** @throws FormatError for an architecture that cannot be converted */
export function baseOfGguf(header: GgufHeader): BaseModel {
  const name = header.metadata.get("general.architecture");
  const architecture = ARCHITECTURES.find((one) => one === name);
  if (architecture === undefined) throw unknownArchitecture(name);
  const queries = wholeNumber(
    header.metadata.get(`${architecture}.attention.head_count`),
  );
  const keys =
    wholeNumber(
      header.metadata.get(`${architecture}.attention.head_count_kv`),
    ) ?? queries;
  return {
    architecture,
    ...(queries !== undefined &&
      keys !== undefined && { heads: { queries, keys } }),
  };
}

/** @param config config.json of a Hugging Face folder. @throws FormatError as `baseOfGguf` */
export function baseOfConfig(
  config: Readonly<Record<string, unknown>>,
): BaseModel {
  const architecture = MODEL_TYPES.get(config["model_type"]);
  if (architecture === undefined)
    throw unknownArchitecture(config["model_type"]);
  const queries = wholeNumber(config["num_attention_heads"]);
  const keys = wholeNumber(config["num_key_value_heads"]) ?? queries;
  return {
    architecture,
    ...(queries !== undefined &&
      keys !== undefined && { heads: { queries, keys } }),
  };
}

/** The Hub's id of the model that a GGUF was made from, where its header names one. */
export function hubIdOf(header: GgufHeader): string | undefined {
  for (const key of [
    "general.repo_url",
    "general.source.repo_url",
    "general.source.huggingface.repository",
  ]) {
    const value = header.metadata.get(key);
    const id =
      typeof value === "string"
        ? value.replace(/^https:\/\/huggingface\.co\//, "")
        : "";
    if (/^[\w.-]+\/[\w.-]+$/.test(id)) return id;
  }
  return undefined;
}

function unknownArchitecture(name: unknown): FormatError {
  return new FormatError(
    `the base model is of the architecture ${JSON.stringify(name ?? null)}, and adapters can be converted for ${ARCHITECTURES.join(", ")} (mistral counts as llama)`,
  );
}

/** Per-layer arrays are not of these architectures. */
function wholeNumber(value: unknown): number | undefined {
  return typeof value === "number" && Number.isInteger(value) && value > 0
    ? value
    : undefined;
}
