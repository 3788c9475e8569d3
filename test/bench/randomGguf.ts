/**
 * A Qwen3 GGUF with random weights, for benches and tests that need a shape and not a meaning: the vocabulary of a real
 * model costs what it costs whatever the weights are.
 */
import { randomFillSync } from "node:crypto";
import { closeSync, openSync, renameSync, writeSync } from "node:fs";

/** The shape of a Qwen3 model. */
export interface Shape {
  readonly vocabulary: number;
  readonly layers: number;
  readonly hidden: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDimension: number;
  readonly feedForward: number;
  /** tokens */
  readonly context: number;
  /** Q8_0 where it is left out. */
  readonly weights?: "Q8_0" | "F32";
}

/** Qwen3-0.6B (embedding and output tied). */
export const QWEN3_06B: Shape = {
  vocabulary: 151_936,
  layers: 28,
  hidden: 1024,
  heads: 16,
  kvHeads: 8,
  headDimension: 128,
  feedForward: 3072,
  context: 40_960,
};

/** Small enough to be trained while one waits: 2.5 million parameters. */
export const SMALL_F32: Shape = {
  vocabulary: 1024,
  layers: 6,
  hidden: 192,
  heads: 6,
  kvHeads: 2,
  headDimension: 32,
  feedForward: 512,
  context: 1024,
  weights: "F32",
};

/** The same vocabulary on a body that takes little time. */
export const SLIM: Shape = {
  vocabulary: 151_936,
  layers: 4,
  hidden: 256,
  heads: 4,
  kvHeads: 2,
  headDimension: 64,
  feedForward: 768,
  context: 40_960,
};

type Value =
  | { readonly u32: number }
  | { readonly f32: number }
  | { readonly bool: boolean }
  | { readonly text: string }
  | { readonly texts: readonly string[] }
  | { readonly ints: readonly number[] };

/** Writes little-endian values one after the other. */
class Bytes {
  private readonly parts: Buffer[] = [];

  u32(value: number): this {
    const part = Buffer.alloc(4);
    part.writeUInt32LE(value);
    this.parts.push(part);
    return this;
  }
  u64(value: number): this {
    const part = Buffer.alloc(8);
    part.writeBigUInt64LE(BigInt(value));
    this.parts.push(part);
    return this;
  }
  text(value: string): this {
    const part = Buffer.from(value);
    this.u64(part.length).parts.push(part);
    return this;
  }
  raw(part: Buffer): this {
    this.parts.push(part);
    return this;
  }
  /** GGUF's type numbers: 4 uint32, 5 int32, 6 float32, 7 bool, 8 string, 9 array. */
  value(value: Value): this {
    if ("u32" in value) return this.u32(4).u32(value.u32);
    if ("f32" in value) {
      const part = Buffer.alloc(4);
      part.writeFloatLE(value.f32);
      return this.u32(6).raw(part);
    }
    if ("bool" in value) {
      return this.u32(7).raw(Buffer.of(value.bool ? 1 : 0));
    }
    if ("text" in value) return this.u32(8).text(value.text);
    if ("texts" in value) {
      this.u32(9).u32(8).u64(value.texts.length);
      for (const text of value.texts) this.text(text);
      return this;
    }
    this.u32(9).u32(5).u64(value.ints.length);
    for (const int of value.ints) this.u32(int);
    return this;
  }
  build(): Buffer {
    return Buffer.concat(this.parts);
  }
}

interface Tensor {
  readonly name: string;
  readonly columns: number;
  /** undefined: one dimension, all ones in F32; else a matrix. */
  readonly rows?: number;
  readonly weights: "Q8_0" | "F32";
}

const ALIGNMENT = 32;
const Q8_BLOCK = 32;
const Q8_BYTES = 34;
/** 2.7e-4 in F16: int8 weights then have a standard deviation of about 0.02. */
const Q8_SCALE = 0x0c6c;

function sizeOf(tensor: Tensor): number {
  const values = (tensor.rows ?? 1) * tensor.columns;
  return tensor.weights === "F32" ? values * 4 : (values / Q8_BLOCK) * Q8_BYTES;
}

function tensorsOf(shape: Shape): Tensor[] {
  const { hidden, heads, kvHeads, headDimension, feedForward } = shape;
  const weights = shape.weights ?? "Q8_0";
  const tensors: Tensor[] = [
    {
      name: "token_embd.weight",
      columns: hidden,
      rows: shape.vocabulary,
      weights,
    },
    { name: "output_norm.weight", columns: hidden, weights: "F32" },
  ];
  for (let layer = 0; layer < shape.layers; layer++) {
    const add = (name: string, columns: number, rows?: number) =>
      tensors.push({
        name: `blk.${layer}.${name}.weight`,
        columns,
        ...(rows === undefined
          ? { weights: "F32" as const }
          : { rows, weights }),
      });
    add("attn_norm", hidden);
    add("attn_q", hidden, heads * headDimension);
    add("attn_k", hidden, kvHeads * headDimension);
    add("attn_v", hidden, kvHeads * headDimension);
    add("attn_q_norm", headDimension);
    add("attn_k_norm", headDimension);
    add("attn_output", heads * headDimension, hidden);
    add("ffn_norm", hidden);
    add("ffn_gate", hidden, feedForward);
    add("ffn_up", hidden, feedForward);
    add("ffn_down", feedForward, hidden);
  }
  return tensors;
}

/** Bytes as GPT-2's tokenizer spells them, then made-up tokens. */
function tokensOf(count: number): string[] {
  const tokens: string[] = [];
  let spare = 256;
  for (let byte = 0; byte < 256; byte++) {
    const printable =
      (byte >= 33 && byte < 127) || (byte >= 161 && byte !== 173);
    tokens.push(String.fromCodePoint(printable ? byte : spare++));
  }
  tokens.push("th");
  while (tokens.length < count) tokens.push(`token${tokens.length}`);
  return tokens.slice(0, count);
}

function metadataOf(shape: Shape): Map<string, Value> {
  return new Map<string, Value>([
    ["general.architecture", { text: "qwen3" }],
    ["general.name", { text: "random weights" }],
    ["general.file_type", { u32: 7 }],
    ["qwen3.block_count", { u32: shape.layers }],
    ["qwen3.context_length", { u32: shape.context }],
    ["qwen3.embedding_length", { u32: shape.hidden }],
    ["qwen3.feed_forward_length", { u32: shape.feedForward }],
    ["qwen3.attention.head_count", { u32: shape.heads }],
    ["qwen3.attention.head_count_kv", { u32: shape.kvHeads }],
    ["qwen3.attention.key_length", { u32: shape.headDimension }],
    ["qwen3.attention.value_length", { u32: shape.headDimension }],
    ["qwen3.attention.layer_norm_rms_epsilon", { f32: 1e-6 }],
    ["qwen3.rope.freq_base", { f32: 1e6 }],
    ["tokenizer.ggml.model", { text: "gpt2" }],
    ["tokenizer.ggml.pre", { text: "qwen2" }],
    ["tokenizer.ggml.tokens", { texts: tokensOf(shape.vocabulary) }],
    [
      "tokenizer.ggml.token_type",
      { ints: Array<number>(shape.vocabulary).fill(1) },
    ],
    ["tokenizer.ggml.merges", { texts: ["t h"] }],
    ["tokenizer.ggml.eos_token_id", { u32: 0 }],
    ["tokenizer.ggml.add_bos_token", { bool: false }],
  ]);
}

function aligned(offset: number): number {
  return Math.ceil(offset / ALIGNMENT) * ALIGNMENT;
}

/** Writes `size` bytes of random weights, or of ones for a norm, at the file's end. */
function writeTensor(file: number, tensor: Tensor): void {
  const size = sizeOf(tensor);
  if (tensor.rows === undefined) {
    const ones = new Float32Array(tensor.columns).fill(1);
    writeSync(file, new Uint8Array(ones.buffer));
  } else if (tensor.weights === "F32") {
    const values = new Float32Array(tensor.rows * tensor.columns);
    for (let i = 0; i < values.length; i++) {
      values[i] = 0.07 * (Math.random() - 0.5);
    }
    writeSync(file, new Uint8Array(values.buffer));
  } else {
    const chunk = Buffer.alloc(Q8_BYTES * 65_536);
    for (let done = 0; done < size; done += chunk.length) {
      const part = chunk.subarray(0, Math.min(chunk.length, size - done));
      randomFillSync(part);
      for (let at = 0; at < part.length; at += Q8_BYTES) {
        part.writeUInt16LE(Q8_SCALE, at);
      }
      writeSync(file, part);
    }
  }
  writeSync(file, Buffer.alloc(aligned(size) - size));
}

/**
 * Writes the model to `path` (under a temporary name until it is whole).
 * @param extra metadata to add or to replace
 */
export function writeRandomGguf(
  path: string,
  shape: Shape,
  extra: ReadonlyMap<string, Value> = new Map(),
): void {
  const metadata = new Map([...metadataOf(shape), ...extra]);
  const tensors = tensorsOf(shape);
  const header = new Bytes()
    .raw(Buffer.from("GGUF"))
    .u32(3)
    .u64(tensors.length)
    .u64(metadata.size);
  for (const [key, value] of metadata) header.text(key).value(value);
  let offset = 0;
  for (const tensor of tensors) {
    header.text(tensor.name);
    if (tensor.rows === undefined) {
      header.u32(1).u64(tensor.columns).u32(0); // GGML_TYPE_F32
    } else {
      // GGML_TYPE_F32, GGML_TYPE_Q8_0
      header.u32(2).u64(tensor.columns).u64(tensor.rows);
      header.u32(tensor.weights === "F32" ? 0 : 8);
    }
    header.u64(offset);
    offset = aligned(offset + sizeOf(tensor));
  }
  const head = header.build();
  const temporary = `${path}.${process.pid}`;
  const file = openSync(temporary, "w");
  try {
    writeSync(file, head);
    writeSync(file, Buffer.alloc(aligned(head.length) - head.length));
    for (const tensor of tensors) writeTensor(file, tensor);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
}
