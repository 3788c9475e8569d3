import { open } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { basename } from "node:path";
import type { Conditioning } from "../../core/engine/protocol";
import {
  RecordsFile,
  RecordsFileError,
  describeRecordError,
} from "../../core/traces/recordsFile";
import { HEAD_BYTES, recordsFormat } from "../../core/traces/recordsFormat";
import type { RecordsFormat } from "../../core/traces/recordsFormat";
import { InputError } from "./usageError";

/** What is annotated: a text, and what stands before it. */
export interface Trace {
  readonly text: string;
  readonly conditioning: Conditioning;
}

/** Longer plain traces are refused before they are read. */
const LONGEST_PLAIN = 128 * 1024 * 1024;

/**
 * Reads the trace of a file: the file itself where it is text, a record's response where it holds records.
 * @param record counts from 1; undefined takes the first record
 * @throws InputError
 */
export async function readTrace(
  path: string,
  record: number | undefined,
): Promise<Trace> {
  const handle = await openFile(path);
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) {
      throw new InputError(`${path} is not a file.`);
    }
    const head = await readAt(handle, 0, Math.min(HEAD_BYTES, stat.size));
    const format = recordsFormat(basename(path), head);
    if (format !== undefined) {
      return await readRecord(handle, stat.size, path, format, record ?? 1);
    }
    if (record !== undefined) {
      throw new InputError(
        `${path} is a plain trace and holds no records; leave --record out.`,
      );
    }
    if (stat.size > LONGEST_PLAIN) {
      throw new InputError(
        `${path} is too long to be annotated at once (${String(stat.size)} bytes, at most ${String(LONGEST_PLAIN)}).`,
      );
    }
    const bytes = await readAt(handle, 0, stat.size);
    return { text: decode(bytes, path), conditioning: { kind: "none" } };
  } finally {
    await handle.close();
  }
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, "r");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new InputError(
      code === "ENOENT"
        ? `There is no file ${path}.`
        : `${path} cannot be opened: ${message}`,
    );
  }
}

async function readRecord(
  handle: FileHandle,
  size: number,
  path: string,
  format: RecordsFormat,
  number: number,
): Promise<Trace> {
  const source = {
    size,
    read: (offset: number, length: number) => readAt(handle, offset, length),
  };
  try {
    const file = await RecordsFile.open(source, basename(path), format);
    const parsed = await file.read(number);
    if (parsed.kind === "error") {
      throw new InputError(
        `Record ${String(number)} of ${path} cannot be read, ${describeRecordError(parsed)}`,
      );
    }
    const { response, conditioning } = parsed.record;
    return { text: response, conditioning };
  } catch (error) {
    if (error instanceof RecordsFileError || error instanceof RangeError) {
      throw new InputError(error.message);
    }
    throw error;
  }
}

async function readAt(
  handle: FileHandle,
  offset: number,
  length: number,
): Promise<Uint8Array> {
  const bytes = Buffer.alloc(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await handle.read(
      bytes,
      filled,
      length - filled,
      offset + filled,
    );
    if (bytesRead === 0) {
      break;
    }
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}

function decode(bytes: Uint8Array, path: string): string {
  try {
    // The byte order mark stays: offsets count the file's own characters.
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
      bytes,
    );
  } catch {
    throw new InputError(
      `${path} is not text in UTF-8. Save it with that encoding.`,
    );
  }
}
