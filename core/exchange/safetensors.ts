/**
 * safetensors: 8 bytes with the header's length, a JSON header, then the tensors' data without gaps
 * (github.com/huggingface/safetensors, "Format"). Reads and writes what adapters hold.
 */
import { FormatError } from "./formatError";

export interface SafeTensor {
  /** The format's own name: F32, BF16, I64 and so on. */
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** The reference implementation's limit. */
const LONGEST_HEADER = 100_000_000;

const BYTES: ReadonlyMap<string, number> = new Map([
  ["BOOL", 1],
  ["U8", 1],
  ["I8", 1],
  ["F8_E5M2", 1],
  ["F8_E4M3", 1],
  ["I16", 2],
  ["U16", 2],
  ["F16", 2],
  ["BF16", 2],
  ["I32", 4],
  ["U32", 4],
  ["F32", 4],
  ["F64", 8],
  ["I64", 8],
  ["U64", 8],
]);

/**
 * The tensors by name; their bytes are views into `file`.
 * @throws FormatError for a header that is damaged or does not fit the data
 */
export function readSafetensors(file: Uint8Array): Map<string, SafeTensor> {
  const header = headerOf(file);
  const data = file.subarray(header.end);
  const tensors = new Map<string, SafeTensor>();
  for (const [name, entry] of Object.entries(header.entries)) {
    if (name !== "__metadata__")
      tensors.set(name, readTensor(name, entry, data));
  }
  // Each byte belongs to one tensor: the reference implementation refuses holes and overlaps, and so does this.
  let covered = 0;
  for (const { bytes } of tensors.values()) covered += bytes.length;
  const starts = [...tensors.values()]
    .map(({ bytes }) => [bytes.byteOffset - data.byteOffset, bytes.length])
    .sort((x, y) => x[0]! - y[0]! || x[1]! - y[1]!);
  let at = 0;
  for (const [start, length] of starts) {
    if (length !== 0 && start !== at)
      throw new FormatError(
        `its tensors leave a hole or overlap at byte ${at} of the data`,
      );
    at += length!;
  }
  if (covered !== data.length)
    throw new FormatError(
      `its tensors take ${covered} bytes, and ${data.length} are there: it is damaged or cut off`,
    );
  return tensors;
}

function headerOf(file: Uint8Array): {
  entries: Record<string, unknown>;
  end: number;
} {
  if (file.length < 8) throw new FormatError("it is too short for safetensors");
  const length = Number(
    new DataView(file.buffer, file.byteOffset).getBigUint64(0, true),
  );
  if (length > LONGEST_HEADER || length > file.length - 8)
    throw new FormatError(
      `its header claims ${length} bytes, more than there can be: it is damaged, cut off or no safetensors file`,
    );
  let json: unknown;
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(
      file.subarray(8, 8 + length),
    );
    json = JSON.parse(text);
  } catch {
    throw new FormatError("its header is no JSON: it is damaged");
  }
  if (!isObject(json)) throw new FormatError("its header is no JSON object");
  return { entries: json, end: 8 + length };
}

function readTensor(
  name: string,
  entry: unknown,
  data: Uint8Array,
): SafeTensor {
  const damaged = (why: string) =>
    new FormatError(`its entry ${JSON.stringify(name)} ${why}`);
  if (!isObject(entry)) throw damaged("is no JSON object");
  const { dtype, shape, data_offsets: offsets } = entry;
  if (typeof dtype !== "string") throw damaged("has no dtype");
  const size = BYTES.get(dtype);
  if (size === undefined) throw damaged(`has the unknown dtype ${dtype}`);
  if (!isSizes(shape)) throw damaged("has no shape of whole numbers");
  if (!isSizes(offsets) || offsets.length !== 2)
    throw damaged("has no two data_offsets");
  const [start, end] = offsets as [number, number];
  if (start > end || end > data.length)
    throw damaged("points beyond the data: the file is damaged or cut off");
  const bytes = shape.reduce((product, one) => product * one, size);
  if (bytes !== end - start)
    throw damaged(
      `of shape [${shape.join(", ")}] takes ${bytes} bytes and has ${end - start}`,
    );
  return { dtype, shape, bytes: data.subarray(start, end) };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isSizes(value: unknown): value is number[] {
  return (
    Array.isArray(value) &&
    value.every((one) => Number.isSafeInteger(one) && (one as number) >= 0)
  );
}

/** A file of these tensors, in this order. */
export function writeSafetensors(
  tensors: ReadonlyMap<string, SafeTensor>,
): Uint8Array {
  // "pt": transformers refuses files that do not say which framework they are of.
  const header: Record<string, unknown> = { __metadata__: { format: "pt" } };
  let end = 0;
  for (const [name, { dtype, shape, bytes }] of tensors) {
    header[name] = { dtype, shape, data_offsets: [end, end + bytes.length] };
    end += bytes.length;
  }
  let json = new TextEncoder().encode(JSON.stringify(header));
  // The data begin at a multiple of 8, so that a reader may map them.
  const padded = new Uint8Array(Math.ceil(json.length / 8) * 8).fill(0x20);
  padded.set(json);
  json = padded;
  const file = new Uint8Array(8 + json.length + end);
  new DataView(file.buffer).setBigUint64(0, BigInt(json.length), true);
  file.set(json, 8);
  let at = 8 + json.length;
  for (const { bytes } of tensors.values()) {
    file.set(bytes, at);
    at += bytes.length;
  }
  return file;
}
