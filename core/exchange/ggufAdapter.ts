/** LoRA adapters in GGUF, as llama.cpp loads them (`llama_adapter_lora_init`) and native/src/lora_adapter.cpp writes them. */
import { bytesInMemory } from "../gguf/cursor";
import { parseGgufHeader, type GgufTensor } from "../gguf/header";
import {
  type Dtype,
  DTYPES,
  type LoraPair,
  type Matrix,
  PROJECTIONS,
  sortPairs,
} from "./adapter";
import { ARCHITECTURES, type Architecture } from "./architecture";
import { FormatError } from "./formatError";

export interface GgufAdapter {
  readonly architecture: Architecture;
  /** The change of a weight is alpha / rank * B A, the rank that of the pair. */
  readonly alpha: number;
  /** B's rows in GGUF's order. */
  readonly pairs: readonly LoraPair[];
}

const NAME = /^blk\.(\d{1,6})\.([a-z_]+)\.weight\.lora_([ab])$/;
/** Numbers of `enum ggml_type`. */
const TYPE_NUMBERS: Readonly<Record<Dtype, number>> = {
  F32: 0,
  F16: 1,
  BF16: 30,
};
const ALIGNMENT = 32;
const STRING = 8;
const FLOAT32 = 6;

/** @throws FormatError or GgufError for a file that is no such adapter, or damaged */
export function readGgufAdapter(file: Uint8Array): GgufAdapter {
  const header = parseGgufHeader(bytesInMemory(file));
  const { metadata } = header;
  if (
    metadata.get("general.type") !== "adapter" ||
    metadata.get("adapter.type") !== "lora"
  )
    throw new FormatError("it is a GGUF file, but no LoRA adapter");
  const name = metadata.get("general.architecture");
  const architecture = ARCHITECTURES.find((one) => one === name);
  if (architecture === undefined)
    throw new FormatError(
      `it is for the architecture ${JSON.stringify(name ?? null)}, and adapters can be converted for ${ARCHITECTURES.join(", ")}`,
    );
  const alpha = metadata.get("adapter.lora.alpha");
  if (typeof alpha !== "number" || !(alpha > 0))
    throw new FormatError("it does not say its alpha");
  const halves = new Map<string, { a?: Matrix; b?: Matrix }>();
  for (const tensor of header.tensors) {
    const match = NAME.exec(tensor.name);
    if (!match)
      throw new FormatError(
        `it holds ${JSON.stringify(tensor.name)}, which is no LoRA matrix of a layer's projection`,
      );
    const key = `${Number(match[1])}.${match[2]}`;
    const half = match[3] as "a" | "b";
    const pair = halves.get(key) ?? {};
    halves.set(key, pair);
    if (pair[half]) throw new FormatError(`${tensor.name} is there twice`);
    pair[half] = matrixOf(tensor, file, header.dataStart);
  }
  return { architecture, alpha, pairs: pairsOf(halves) };
}

function pairsOf(
  halves: ReadonlyMap<string, { a?: Matrix; b?: Matrix }>,
): LoraPair[] {
  const pairs = [...halves].map(([key, { a, b }]): LoraPair => {
    const [layer, name] = key.split(".");
    const projection = PROJECTIONS.find(({ gguf }) => gguf === name);
    if (projection === undefined)
      throw new FormatError(
        `it is put on ${name}, which has no counterpart in PEFT`,
      );
    if (a === undefined || b === undefined)
      throw new FormatError(`blk.${key} lacks its other LoRA matrix`);
    if (a.rows !== b.columns)
      throw new FormatError(
        `blk.${key} has the ranks ${a.rows} and ${b.columns} in its two matrices`,
      );
    return { layer: Number(layer), projection, a, b };
  });
  if (pairs.length === 0) throw new FormatError("it holds no LoRA matrices");
  return sortPairs(pairs);
}

function matrixOf(
  { name, type, shape, offset, bytes }: GgufTensor,
  file: Uint8Array,
  dataStart: number,
): Matrix {
  const dtype = DTYPES.find((one) => one === type);
  if (dtype === undefined)
    throw new FormatError(
      `${name} is ${type}, and only F32, F16 and BF16 can be converted`,
    );
  const [columns, rows = 1, ...more] = shape;
  if (columns === undefined || more.some((size) => size !== 1))
    throw new FormatError(`${name} is no matrix`);
  const start = dataStart + offset;
  if (start + bytes > file.length)
    throw new FormatError(`it is cut off inside ${name}`);
  return { dtype, rows, columns, bytes: file.subarray(start, start + bytes) };
}

/** A GGUF file, version 3. Tensors in the order of `sortPairs`. */
export function writeGgufAdapter(adapter: GgufAdapter): Uint8Array {
  const tensors = sortPairs(adapter.pairs).flatMap(
    ({ layer, projection, a, b }) => {
      const name = `blk.${layer}.${projection.gguf}.weight`;
      return [
        { name: `${name}.lora_a`, matrix: a },
        { name: `${name}.lora_b`, matrix: b },
      ];
    },
  );
  const writer = new Writer();
  writer.text("GGUF");
  writer.u32(3);
  writer.u64(tensors.length);
  writer.u64(4);
  for (const [key, value] of [
    ["general.type", "adapter"],
    ["general.architecture", adapter.architecture],
    ["adapter.type", "lora"],
  ] as const) {
    writer.string(key);
    writer.u32(STRING);
    writer.string(value);
  }
  writer.string("adapter.lora.alpha");
  writer.u32(FLOAT32);
  writer.f32(adapter.alpha);
  let offset = 0;
  for (const { name, matrix } of tensors) {
    writer.string(name);
    writer.u32(2);
    writer.u64(matrix.columns);
    writer.u64(matrix.rows);
    writer.u32(TYPE_NUMBERS[matrix.dtype]);
    writer.u64(offset);
    offset += aligned(matrix.bytes.length);
  }
  const start = aligned(writer.length);
  const file = new Uint8Array(start + offset);
  writer.copyTo(file);
  let at = start;
  for (const { matrix } of tensors) {
    file.set(matrix.bytes, at);
    at += aligned(matrix.bytes.length);
  }
  return file;
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

/** Collects little-endian values. */
class Writer {
  length = 0;
  private readonly parts: Uint8Array[] = [];

  text(value: string): void {
    this.push(new TextEncoder().encode(value));
  }

  string(value: string): void {
    const bytes = new TextEncoder().encode(value);
    this.u64(bytes.length);
    this.push(bytes);
  }

  u32(value: number): void {
    const view = new DataView(new ArrayBuffer(4));
    view.setUint32(0, value, true);
    this.push(new Uint8Array(view.buffer));
  }

  u64(value: number): void {
    const view = new DataView(new ArrayBuffer(8));
    view.setBigUint64(0, BigInt(value), true);
    this.push(new Uint8Array(view.buffer));
  }

  f32(value: number): void {
    const view = new DataView(new ArrayBuffer(4));
    view.setFloat32(0, value, true);
    this.push(new Uint8Array(view.buffer));
  }

  copyTo(file: Uint8Array): void {
    let at = 0;
    for (const part of this.parts) {
      file.set(part, at);
      at += part.length;
    }
  }

  private push(bytes: Uint8Array): void {
    this.parts.push(bytes);
    this.length += bytes.length;
  }
}
