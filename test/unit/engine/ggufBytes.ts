/** Writes small GGUF files for tests: the format's own rules (docs/gguf.md of ggml), apart from the reader under test. */

export type Entry =
  | { kind: "string"; value: string }
  | { kind: "u32"; value: number }
  | { kind: "u64"; value: bigint }
  | { kind: "strings"; value: readonly string[] }
  | { kind: "i32s"; value: readonly number[] };

export interface TensorEntry {
  readonly name: string;
  readonly shape: readonly number[];
  /** Number of enum ggml_type. */
  readonly type: number;
  readonly offset: number;
}

export const text = (value: string): Entry => ({ kind: "string", value });
export const u32 = (value: number): Entry => ({ kind: "u32", value });

const le32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};
const le64 = (value: number | bigint): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
};
const string = (value: string): Buffer => {
  const bytes = Buffer.from(value);
  return Buffer.concat([le64(bytes.length), bytes]);
};

function value(entry: Entry): Buffer {
  switch (entry.kind) {
    case "string":
      return Buffer.concat([le32(8), string(entry.value)]);
    case "u32":
      return Buffer.concat([le32(4), le32(entry.value)]);
    case "u64":
      return Buffer.concat([le32(10), le64(entry.value)]);
    case "strings":
      return Buffer.concat([
        le32(9),
        le32(8),
        le64(entry.value.length),
        ...entry.value.map(string),
      ]);
    case "i32s":
      return Buffer.concat([
        le32(9),
        le32(5),
        le64(entry.value.length),
        ...entry.value.map(le32),
      ]);
  }
}

/** A GGUF file with `dataBytes` bytes of weights. */
export function ggufBytes(
  metadata: Readonly<Record<string, Entry>>,
  tensors: readonly TensorEntry[] = [],
  dataBytes = 0,
  version = 3,
): Buffer {
  const header = Buffer.concat([
    Buffer.from("GGUF"),
    le32(version),
    le64(tensors.length),
    le64(Object.keys(metadata).length),
    ...Object.entries(metadata).flatMap(([key, entry]) => [
      string(key),
      value(entry),
    ]),
    ...tensors.flatMap((tensor) => [
      string(tensor.name),
      le32(tensor.shape.length),
      ...tensor.shape.map(le64),
      le32(tensor.type),
      le64(tensor.offset),
    ]),
  ]);
  const padding = (32 - (header.length % 32)) % 32;
  return Buffer.concat([header, Buffer.alloc(padding + dataBytes)]);
}

/** Metadata of a model that can be annotated with. */
export const USABLE: Readonly<Record<string, Entry>> = {
  "general.architecture": text("qwen3"),
  "general.name": text("Test"),
  "general.file_type": u32(0),
  "qwen3.block_count": u32(2),
  "qwen3.context_length": u32(1024),
  "qwen3.embedding_length": u32(64),
  "qwen3.feed_forward_length": u32(128),
  "qwen3.attention.head_count": u32(4),
  "qwen3.attention.head_count_kv": u32(2),
  "qwen3.attention.key_length": u32(16),
  "qwen3.attention.value_length": u32(16),
  "tokenizer.ggml.model": text("gpt2"),
  "tokenizer.ggml.tokens": { kind: "strings", value: ["a", "b", "ab"] },
  "tokenizer.ggml.merges": { kind: "strings", value: ["a b"] },
};

/** Two blocks of 4096 bytes, an embedding of 768 and a tied output: 9,216 bytes with padding left out. */
export const TENSORS: readonly TensorEntry[] = [
  { name: "token_embd.weight", shape: [64, 3], type: 0, offset: 0 },
  { name: "blk.0.attn_q.weight", shape: [64, 16], type: 0, offset: 768 },
  { name: "blk.1.attn_q.weight", shape: [64, 16], type: 0, offset: 4864 },
];
export const DATA_BYTES = 768 + 2 * 4096;
