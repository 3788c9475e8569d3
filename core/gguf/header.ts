import { type ByteSource, Cursor, GgufError } from "./cursor";
import { TENSOR_TYPES } from "./tensorTypes";

/** An array of the metadata. Its values are kept only where they are few numbers (per-layer settings). */
export interface GgufArray {
  readonly length: number;
  readonly numbers: readonly number[] | undefined;
}

export type GgufValue = string | number | boolean | GgufArray;

export interface GgufTensor {
  readonly name: string;
  /** Elements along each dimension, the fastest first, as ggml has them. */
  readonly shape: readonly number[];
  /** Elements. */
  readonly elements: number;
  readonly type: string;
  /** Bytes of data in the file. */
  readonly bytes: number;
  /** Bytes from the start of the data section. */
  readonly offset: number;
}

/** Everything of a GGUF file but its weights. */
export interface GgufHeader {
  readonly version: number;
  readonly metadata: ReadonlyMap<string, GgufValue>;
  readonly tensors: readonly GgufTensor[];
  /** Bytes from the start of the file to the first weight. */
  readonly dataStart: number;
  readonly fileSize: number;
}

const MAGIC = 0x46554747; // "GGUF", read little-endian
const SUPPORTED_VERSIONS: readonly number[] = [2, 3];
const DEFAULT_ALIGNMENT = 32;
const MAX_DIMENSIONS = 4;
const MAX_NAME = 64;
/** Longer arrays of numbers (token scores and types) are only counted. */
const KEPT_NUMBERS = 4096;
/** A chat template is some 10 KB; nothing that we read is longer than this. */
const KEPT_STRING = 1 << 20;
/** The least bytes that a key with its value, and a tensor's entry, take. */
const SMALLEST_ENTRY = 13;
const SMALLEST_TENSOR = 24;

/**
 * Reads the header of a GGUF file (docs/gguf.md of ggml), every length checked against the file's size.
 *
 * Our own reader rather than node-llama-cpp's: that one trusts the lengths it reads, so a damaged byte can ask it for
 * gigabytes, and it keeps the whole vocabulary, which a list of many models has no use for.
 * @throws GgufError that says what is wrong
 */
export function parseGgufHeader(source: ByteSource): GgufHeader {
  const cursor = new Cursor(source);
  if (cursor.fileSize < 4 || cursor.u32("the magic number") !== MAGIC) {
    throw new GgufError('it does not begin with "GGUF"');
  }
  const version = cursor.u32("the version");
  if (!SUPPORTED_VERSIONS.includes(version)) {
    throw new GgufError(
      `it has GGUF version ${String(version)}, and only 2 and 3 are known (a big-endian or damaged file?)`,
    );
  }
  const tensorCount = cursor.u64("the number of tensors");
  const entryCount = cursor.u64("the number of metadata entries");
  checkCount(cursor, entryCount, SMALLEST_ENTRY, "metadata entries");
  checkCount(cursor, tensorCount, SMALLEST_TENSOR, "tensors");
  const metadata = new Map<string, GgufValue>();
  for (let i = 0; i < entryCount; i++) {
    const key = cursor.string(`the name of metadata entry ${String(i + 1)}`);
    const value = readValue(cursor, cursor.u32(`the type of ${key}`), key);
    if (key === "" || metadata.has(key)) {
      throw new GgufError(`metadata entry "${key}" is empty or there twice`);
    }
    metadata.set(key, value);
  }
  const alignment = metadata.get("general.alignment") ?? DEFAULT_ALIGNMENT;
  if (
    typeof alignment !== "number" ||
    alignment <= 0 ||
    (alignment & (alignment - 1)) !== 0
  ) {
    throw new GgufError("its alignment is not a power of two");
  }
  const tensors: GgufTensor[] = [];
  for (let i = 0; i < tensorCount; i++) {
    tensors.push(readTensor(cursor, i));
  }
  const dataStart = Math.ceil(cursor.position / alignment) * alignment;
  return { version, metadata, tensors, dataStart, fileSize: cursor.fileSize };
}

function checkCount(
  cursor: Cursor,
  count: number,
  smallest: number,
  what: string,
): void {
  if (count * smallest > cursor.remaining) {
    throw new GgufError(
      `it claims ${String(count)} ${what}, more than its size allows`,
    );
  }
}

const FIXED_SIZES: readonly (number | undefined)[] = [
  1,
  1,
  2,
  2,
  4,
  4,
  4,
  1,
  undefined,
  undefined,
  8,
  8,
  8,
];
const STRING_TYPE = 8;
const ARRAY_TYPE = 9;

function readValue(cursor: Cursor, type: number, key: string): GgufValue {
  if (type === ARRAY_TYPE) {
    return readArray(cursor, key);
  }
  if (type === STRING_TYPE) {
    const before = cursor.position;
    const length = cursor.u64(`the length of ${key}`);
    if (length > KEPT_STRING) {
      cursor.skip(length, key);
      return "";
    }
    cursor.position = before;
    return cursor.string(key);
  }
  return readScalar(cursor, type, key);
}

function readScalar(
  cursor: Cursor,
  type: number,
  key: string,
): number | boolean {
  switch (type) {
    case 0:
      return cursor.u8(key);
    case 1:
      return cursor.i8(key);
    case 2:
      return cursor.u16(key);
    case 3:
      return cursor.i16(key);
    case 4:
      return cursor.u32(key);
    case 5:
      return cursor.i32(key);
    case 6:
      return cursor.f32(key);
    case 7:
      return cursor.u8(key) !== 0;
    case 10:
      return cursor.bigU64(key);
    case 11:
      return cursor.i64(key);
    case 12:
      return cursor.f64(key);
    default:
      throw new GgufError(
        `metadata entry "${key}" has the unknown type ${String(type)}`,
      );
  }
}

function readArray(cursor: Cursor, key: string): GgufArray {
  const type = cursor.u32(`the element type of ${key}`);
  const length = cursor.u64(`the length of ${key}`);
  if (type === STRING_TYPE) {
    cursor.need(length * 8, key);
    for (let i = 0; i < length; i++) {
      cursor.skipString(key);
    }
    return { length, numbers: undefined };
  }
  const size = FIXED_SIZES[type];
  if (size === undefined) {
    throw new GgufError(
      `metadata entry "${key}" is an array of the unknown type ${String(type)}`,
    );
  }
  cursor.need(length * size, key);
  if (length > KEPT_NUMBERS) {
    cursor.skip(length * size, key);
    return { length, numbers: undefined };
  }
  const numbers: number[] = [];
  for (let i = 0; i < length; i++) {
    numbers.push(Number(readScalar(cursor, type, key)));
  }
  return { length, numbers };
}

function readTensor(cursor: Cursor, index: number): GgufTensor {
  const what = `the entry of tensor ${String(index + 1)}`;
  const name = cursor.string(what);
  const dimensions = cursor.u32(what);
  if (name.length >= MAX_NAME || dimensions > MAX_DIMENSIONS) {
    throw new GgufError(`${what} is damaged`);
  }
  const shape: number[] = [];
  for (let i = 0; i < dimensions; i++) shape.push(cursor.u64(what));
  const elements = shape.reduce((product, size) => product * size, 1);
  const row = shape[0] ?? 1;
  const typeNumber = cursor.u32(what);
  const type = TENSOR_TYPES.get(typeNumber);
  if (type === undefined) {
    throw new GgufError(
      `tensor "${name}" has the unknown type ${String(typeNumber)}`,
    );
  }
  if (elements > Number.MAX_SAFE_INTEGER || row % type.blockElements !== 0) {
    throw new GgufError(`tensor "${name}" has an impossible shape`);
  }
  const bytes = (elements / type.blockElements) * type.blockBytes;
  return {
    name,
    shape,
    elements,
    type: type.name,
    bytes,
    offset: cursor.u64(what),
  };
}
