/** How a scored trace lies on disk: a header in JSON and the columns as they are in memory. */
import { createHash } from "node:crypto";
import { endianness } from "node:os";
import type {
  ModelIdentity,
  ScoreSettings,
  ScoredTrace,
} from "../../core/annotation/scoredTrace";

/*
 * bytes 0-7    "FORKSGHT"
 * bytes 8-11   version, little endian
 * bytes 12-15  length of the header in bytes, little endian
 * bytes 16-47  SHA-256 of everything behind
 * then the header, padded with spaces to a multiple of 8, then the columns in the order of COLUMNS.
 */
const MAGIC = "FORKSGHT";
const VERSION = 1;
const FIXED_BYTES = 48;
const LITTLE = endianness() === "LE";

interface Header {
  readonly model: ModelIdentity;
  readonly settings: ScoreSettings;
  readonly textLength: number;
  readonly tokens: number;
  readonly topK: number;
  readonly pieces: readonly (readonly [number, string])[];
}

/** The columns in the order in which they lie; all have four bytes an element. */
const COLUMNS = [
  "ids",
  "start",
  "end",
  "entropy",
  "logprob",
  "rank",
  "topIds",
  "topLogprobs",
] as const satisfies readonly (keyof ScoredTrace)[];

/** The bytes of a trace, to be read back by `decodeTrace`. */
export function encodeTrace(trace: ScoredTrace): Uint8Array {
  if (!LITTLE) {
    throw new Error("Traces are kept on little-endian machines only.");
  }
  const header: Header = {
    model: trace.model,
    settings: trace.settings,
    textLength: trace.textLength,
    tokens: trace.ids.length,
    topK: trace.topK,
    pieces: [...trace.pieces],
  };
  const json = Buffer.from(JSON.stringify(header));
  const headerBytes = 8 * Math.ceil(json.length / 8);
  const columns = COLUMNS.map((name) => {
    const column = trace[name];
    return Buffer.from(column.buffer, column.byteOffset, column.byteLength);
  });
  const fixed = Buffer.alloc(FIXED_BYTES);
  fixed.write(MAGIC, 0, "latin1");
  fixed.writeUInt32LE(VERSION, 8);
  fixed.writeUInt32LE(headerBytes, 12);
  const padding = Buffer.alloc(headerBytes - json.length, " ");
  const all = Buffer.concat([fixed, json, padding, ...columns]);
  createHash("sha256").update(all.subarray(FIXED_BYTES)).digest().copy(all, 16);
  return all;
}

/**
 * @throws Error saying what is wrong with the bytes
 */
export function decodeTrace(bytes: Uint8Array): ScoredTrace {
  // A copy of its own lets the columns be views at multiples of 8, whatever buffer the bytes came in.
  const all = new Uint8Array(bytes);
  const view = Buffer.from(all.buffer);
  if (view.length < FIXED_BYTES || view.toString("latin1", 0, 8) !== MAGIC) {
    throw new Error("it is no scored trace");
  }
  if (view.readUInt32LE(8) !== VERSION || !LITTLE) {
    throw new Error("it was written by another version");
  }
  const digest = createHash("sha256")
    .update(view.subarray(FIXED_BYTES))
    .digest();
  if (!digest.equals(view.subarray(16, FIXED_BYTES))) {
    throw new Error("its checksum is wrong");
  }
  const headerBytes = view.readUInt32LE(12);
  const header = JSON.parse(
    view.toString("utf8", FIXED_BYTES, FIXED_BYTES + headerBytes),
  ) as Header;
  const { tokens, topK } = header;
  let at = FIXED_BYTES + headerBytes;
  const take = <C>(
    Column: new (buffer: ArrayBuffer, offset: number, length: number) => C,
    length: number,
  ): C => {
    const column = new Column(all.buffer, at, length);
    at += 4 * length;
    return column;
  };
  const trace = {
    ids: take(Int32Array, tokens),
    start: take(Uint32Array, tokens),
    end: take(Uint32Array, tokens),
    entropy: take(Float32Array, tokens),
    logprob: take(Float32Array, tokens),
    rank: take(Uint32Array, tokens),
    topIds: take(Int32Array, tokens * topK),
    topLogprobs: take(Float32Array, tokens * topK),
  } satisfies Pick<ScoredTrace, (typeof COLUMNS)[number]>;
  return {
    ...trace,
    model: header.model,
    settings: header.settings,
    textLength: header.textLength,
    topK,
    pieces: new Map(header.pieces),
  };
}
