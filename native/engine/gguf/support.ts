import type { ModelFile } from "./modelFile";

/** Architectures that llama.cpp loads but that do not predict the next token from those before it. */
const NOT_CAUSAL: ReadonlyMap<string, string> = new Map([
  ...[
    "bert",
    "modern-bert",
    "nomic-bert",
    "nomic-bert-moe",
    "neo-bert",
    "jina-bert-v2",
    "jina-bert-v3",
    "eurobert",
    "gemma-embedding",
    "llama-embed",
    "t5encoder",
  ].map((name) => [name, "an embedding model"] as const),
  ["t5", "an encoder-decoder model"],
  ["clip", "a vision projector that belongs to another model"],
  ["wavtokenizer-dec", "an audio decoder"],
  ["qwen3tts", "a speech model"],
  ["pockettts", "a speech model"],
  ["dream", "a diffusion model"],
  ["llada", "a diffusion model"],
  ["llada-moe", "a diffusion model"],
  ["rnd1", "a diffusion model"],
  ["eagle3", "a draft head that belongs to another model"],
  ["dflash", "a draft head that belongs to another model"],
]);

/**
 * Why a whole GGUF file cannot be used for annotation, or undefined where it can.
 * @param knowsArchitecture whether this llama.cpp has the architecture; undefined where that cannot be asked
 */
export function unsupportedReason(
  file: ModelFile,
  knowsArchitecture: boolean | undefined,
): string | undefined {
  const { architecture, metadata } = file;
  if (metadata.get("general.type") === "adapter") {
    return "it is a LoRA adapter, not a model";
  }
  const kind = NOT_CAUSAL.get(architecture);
  if (kind !== undefined) {
    return `"${architecture}" is ${kind}: it does not predict the next token, so there is no entropy to show`;
  }
  if (knowsArchitecture === false) {
    return `this release of llama.cpp does not know the architecture "${architecture}"`;
  }
  const tokenizer = metadata.get("tokenizer.ggml.model");
  if (
    typeof tokenizer !== "string" ||
    tokenizer === "none" ||
    tokenizer === "no_vocab" ||
    file.vocabularySize === 0
  ) {
    return "it has no tokenizer in it";
  }
  if (tokenizer === "gpt2" && !metadata.has("tokenizer.ggml.merges")) {
    return "its tokenizer has no merges";
  }
  if (file.tensors.length === 0) {
    return "it holds no weights";
  }
  return undefined;
}
