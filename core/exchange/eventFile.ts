/**
 * TensorBoard's event files: what of them is a scalar.
 *
 * A file is a sequence of TFRecords: 8 bytes with the length of the data (little-endian), 4 with the masked CRC-32C of
 * those 8, the data, 4 with the masked CRC-32C of the data. The data are messages of these definitions (tensorflow/core:
 * util/event.proto, framework/summary.proto, framework/tensor.proto); other fields are stepped over:
 *
 *     Event         1 wall_time: double   2 step: int64   5 summary: Summary
 *     Summary       1 value: repeated Value
 *     Value         1 tag: string   2 simple_value: float   8 tensor: TensorProto
 *     TensorProto   1 dtype: DataType   2 tensor_shape   4 tensor_content: bytes   5 float_val   6 double_val
 *                   7 int_val   10 int64_val   13 half_val, all repeated
 *     TensorShape   2 dim: repeated Dim
 *     Dim           1 size: int64
 */
import { maskedCrc32c } from "./crc32c";
import { FormatError } from "./formatError";
import { brainToNumber, halfToNumber } from "./numbers";
import { type Field, fieldsOf, firstVarint } from "./protobuf";

/** A number that was logged. */
export interface Scalar {
  readonly tag: string;
  readonly step: number;
  /** Unix time in seconds. */
  readonly time: number;
  readonly value: number;
}

export interface EventFile {
  /** In the order of the file. */
  readonly scalars: readonly Scalar[];
  /** Whether the last record is cut off, as in a file that is being written. */
  readonly torn: boolean;
}

/** Bytes of a record beside its data: the length with its checksum before, the data's checksum behind. */
const HEAD = 12;
const FOOT = 4;

/** @throws FormatError where a checksum does not hold, and for what is no event file */
export function readEventFile(file: Uint8Array): EventFile {
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const scalars: Scalar[] = [];
  let at = 0;
  while (at < file.length) {
    if (file.length - at < HEAD) return { scalars, torn: true };
    const length = Number(view.getBigUint64(at, true));
    const head = view.getUint32(at + 8, true);
    if (head !== maskedCrc32c(file.subarray(at, at + 8)))
      throw new FormatError(
        at === 0
          ? "it does not begin as a TensorBoard event file does"
          : `the record at byte ${at} is damaged: its length does not fit its checksum`,
      );
    if (length > file.length - at - HEAD - FOOT) return { scalars, torn: true };
    const data = file.subarray(at + HEAD, at + HEAD + length);
    if (view.getUint32(at + HEAD + length, true) !== maskedCrc32c(data))
      throw new FormatError(
        `the record at byte ${at} is damaged: its data do not fit their checksum`,
      );
    for (const scalar of scalarsOf(data)) scalars.push(scalar);
    at += HEAD + length + FOOT;
  }
  return { scalars, torn: false };
}

function scalarsOf(event: Uint8Array): Scalar[] {
  let time = 0;
  let step = 0;
  const summaries: Uint8Array[] = [];
  for (const field of fieldsOf(event)) {
    if (field.number === 1 && field.kind === "fixed64")
      time = viewOf(field.bytes).getFloat64(0, true);
    if (field.number === 2 && field.kind === "varint")
      step = Number(BigInt.asIntN(64, field.value));
    if (field.number === 5 && field.kind === "bytes")
      summaries.push(field.bytes);
  }
  const scalars: Scalar[] = [];
  for (const summary of summaries)
    for (const field of fieldsOf(summary)) {
      if (field.number !== 1 || field.kind !== "bytes") continue;
      const { tag, value } = taggedValue(field.bytes);
      if (tag !== "" && value !== undefined)
        scalars.push({ tag, step, time, value });
    }
  return scalars;
}

function taggedValue(message: Uint8Array): { tag: string; value?: number } {
  let tag = "";
  let value: number | undefined;
  for (const field of fieldsOf(message)) {
    if (field.number === 1 && field.kind === "bytes")
      tag = new TextDecoder().decode(field.bytes);
    if (field.number === 2 && field.kind === "fixed32")
      value = viewOf(field.bytes).getFloat32(0, true);
    if (field.number === 8 && field.kind === "bytes")
      value = tensorScalar(field.bytes);
  }
  return { tag, ...(value !== undefined && { value }) };
}

/** Readers of a tensor's raw content, by TensorFlow's DataType. */
const CONTENT: ReadonlyMap<number, (view: DataView) => number> = new Map([
  [1, (view: DataView) => view.getFloat32(0, true)],
  [2, (view: DataView) => view.getFloat64(0, true)],
  [3, (view: DataView) => view.getInt32(0, true)],
  [9, (view: DataView) => Number(view.getBigInt64(0, true))],
  [14, (view: DataView) => brainToNumber(view.getUint16(0, true))],
  [19, (view: DataView) => halfToNumber(view.getUint16(0, true))],
]);
const BYTES: ReadonlyMap<number, number> = new Map([
  [1, 4],
  [2, 8],
  [3, 4],
  [9, 8],
  [14, 2],
  [19, 2],
]);

/** The number of a tensor that holds exactly one; undefined for text, histograms, images and the like. */
function tensorScalar(message: Uint8Array): number | undefined {
  let dtype = 0;
  let elements = 1;
  let content: Uint8Array | undefined;
  const values: number[] = [];
  for (const field of fieldsOf(message)) {
    if (field.number === 1 && field.kind === "varint")
      dtype = Number(field.value);
    else if (field.number === 2 && field.kind === "bytes")
      elements = elementsOf(field.bytes);
    else if (field.number === 4 && field.kind === "bytes")
      content = field.bytes;
    else values.push(...firstOf(field, dtype));
  }
  const read = CONTENT.get(dtype);
  if (elements !== 1 || read === undefined) return undefined;
  if (values.length > 0) return values[0];
  if (content === undefined || content.length === 0) return 0;
  return content.length === BYTES.get(dtype)
    ? read(viewOf(content))
    : undefined;
}

/** The first of a repeated field's numbers, packed or by itself. */
function firstOf(field: Field, dtype: number): number[] {
  const view = field.kind === "varint" ? undefined : viewOf(field.bytes);
  if (field.number === 5 && view && view.byteLength >= 4)
    return [view.getFloat32(0, true)];
  if (field.number === 6 && view && view.byteLength >= 8)
    return [view.getFloat64(0, true)];
  if (![7, 10, 13].includes(field.number)) return [];
  const first =
    field.kind === "varint" ? field.value : firstVarint(field.bytes);
  if (field.number !== 13) return [Number(BigInt.asIntN(64, first))];
  const bits = Number(first & 0xffffn);
  return [dtype === 14 ? brainToNumber(bits) : halfToNumber(bits)];
}

function elementsOf(shape: Uint8Array): number {
  let elements = 1;
  for (const field of fieldsOf(shape)) {
    if (field.number !== 2 || field.kind !== "bytes") continue;
    let size = 0;
    for (const inner of fieldsOf(field.bytes))
      if (inner.number === 1 && inner.kind === "varint")
        size = Number(BigInt.asIntN(64, inner.value));
    elements *= size;
  }
  return elements;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
