/**
 * A file of records, opened by reading on demand: one pass finds where each record lies, and a record is parsed when
 * it is asked for. A file of a gigabyte costs its index, 20 bytes a record.
 */
import { ElementIndexer } from "./elementIndexer";
import { LineIndexer } from "./lineIndexer";
import { parseJsonBytes } from "./parseJson";
import {
  type ParsedRecord,
  parseRecord,
  type RecordError,
  type RecordPlace,
} from "./record";
import type { RecordsFormat } from "./recordsFormat";
import { SpanColumns } from "./spanColumns";

/** Random access to a file's bytes: what the extension host or the CLI makes of a file handle. */
export interface ByteSource {
  /** bytes, when it was opened */
  readonly size: number;
  /** Up to `length` bytes from `offset`; fewer only at the end of the file. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** Longest record that is read, in bytes. The longest rollouts are a few hundred kilobytes. */
export const MAX_RECORD_BYTES = 64 * 1024 * 1024;

/** Bytes of one reading while the index is made: short enough that nothing else waits long. */
const CHUNK_BYTES = 1024 * 1024;

export interface ReadOptions {
  readonly signal?: AbortSignal;
  /** Called with bytes done and to do while the index is made, records done and to do while they are checked. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Why a file could not be opened at all. The message says what to do. */
export class RecordsFileError extends Error {
  override readonly name = "RecordsFileError";
}

export class RecordsFile {
  private constructor(
    private readonly source: ByteSource,
    readonly fileName: string,
    readonly format: RecordsFormat,
    private readonly index: SpanColumns,
    /** Set where the file as a whole is damaged although records of it open: a JSON array that is cut off. */
    readonly problem: string | undefined,
  ) {}

  /**
   * Finds the records of a file. Reads it once from end to end, in chunks.
   * @throws RecordsFileError where it is empty, or in UTF-16; the signal's reason where it was aborted
   */
  static async open(
    source: ByteSource,
    fileName: string,
    format: RecordsFormat,
    options: ReadOptions = {},
  ): Promise<RecordsFile> {
    const head = await source.read(0, Math.min(4, source.size));
    if (isUtf16(head)) {
      throw new RecordsFileError(
        `${fileName} is written in UTF-16; records are read in UTF-8. Save it with that encoding.`,
      );
    }
    const index = new SpanColumns();
    let problem: string | undefined;
    const indexer =
      format === "jsonl" ? new LineIndexer() : new ElementIndexer();
    for await (const chunk of chunksOf(source, options))
      index.add(indexer.push(chunk));
    if (indexer instanceof LineIndexer) index.add(indexer.finish());
    else {
      const end = indexer.finish();
      index.add(end.spans);
      problem = end.problem;
    }
    if (index.count === 0) {
      throw new RecordsFileError(
        `${fileName} holds no records: it is empty, or nothing but blank lines or an empty array.`,
      );
    }
    return new RecordsFile(source, fileName, format, index, problem);
  }

  /** Number of records, malformed ones included. */
  get count(): number {
    return this.index.count;
  }

  /**
   * Where record `index` (from 1) stands.
   * @throws RangeError where there is no such record
   */
  place(index: number): RecordPlace {
    if (!Number.isInteger(index) || index < 1 || index > this.count) {
      throw new RangeError(
        `${this.fileName} has the records 1 to ${this.count}; there is no record ${index}.`,
      );
    }
    const { line, start } = this.index.get(index - 1);
    return { index, line, offset: start };
  }

  /** Number of the record that stands in `line` or, where that is blank, the next one; undefined behind the last. */
  indexAtLine(line: number): number | undefined {
    const above = this.index.countBefore(line);
    // The first of those that begin on the line: a whole array may stand on one.
    const begins = above < this.count && this.index.get(above).line === line;
    if (begins) return above + 1;
    if (this.format === "json" && above > 0) return above;
    return above < this.count ? above + 1 : undefined;
  }

  /**
   * Reads one record. What is wrong with it comes back as an error in its place.
   * @param index from 1
   * @throws RangeError where there is no such record; whatever the source throws
   */
  async read(index: number): Promise<ParsedRecord> {
    const found = await this.json(index);
    return found.kind === "error"
      ? found
      : parseRecord(found.value, this.place(index));
  }

  /**
   * The JSON of one record, not yet read as any shape.
   * @param index from 1
   * @throws RangeError where there is no such record; whatever the source throws
   */
  async json(
    index: number,
  ): Promise<{ readonly kind: "json"; readonly value: unknown } | RecordError> {
    const place = this.place(index);
    const { start, end } = this.index.get(index - 1);
    const length = end - start;
    const fail = (message: string): RecordError => ({
      kind: "error",
      ...place,
      message,
    });
    if (length > MAX_RECORD_BYTES) {
      return fail(
        `It is ${megabytes(length)} long; records of at most ${megabytes(MAX_RECORD_BYTES)} are read. Is it one record a line?`,
      );
    }
    const bytes = await this.source.read(start, length);
    if (bytes.length < length) {
      return fail(
        "The file has become shorter since it was opened: open it again.",
      );
    }
    const parsed = parseJsonBytes(bytes, end >= this.source.size);
    if (parsed.kind === "error") return fail(parsed.message);
    return { kind: "json", value: parsed.value };
  }

  /** Reads every record and yields those that are malformed, in order. Stops, without an error, at an abort. */
  async *malformed(options: ReadOptions = {}): AsyncGenerator<RecordError> {
    for (let index = 1; index <= this.count; index++) {
      if (options.signal?.aborted) return;
      const parsed = await this.read(index);
      if (parsed.kind === "error") yield parsed;
      options.onProgress?.(index, this.count);
    }
  }
}

/** "line 3: message", as lists and terminals show it. */
export function describeRecordError(error: RecordError): string {
  return `line ${error.line}: ${error.message}`;
}

async function* chunksOf(
  source: ByteSource,
  options: ReadOptions,
): AsyncGenerator<Uint8Array> {
  let offset = 0;
  while (offset < source.size) {
    options.signal?.throwIfAborted();
    const wanted = Math.min(CHUNK_BYTES, source.size - offset);
    const chunk = await source.read(offset, wanted);
    if (chunk.length === 0) return;
    yield chunk;
    offset += chunk.length;
    options.onProgress?.(offset, source.size);
  }
}

/** A byte order mark of UTF-16, or ASCII with every second byte zero. */
function isUtf16(head: Uint8Array): boolean {
  const [a, b, c, d] = head;
  if (a === 0xff && b === 0xfe) return true;
  if (a === 0xfe && b === 0xff) return true;
  if (head.length < 4) return false;
  return (a === 0 && c === 0 && b !== 0) || (b === 0 && d === 0 && a !== 0);
}

function megabytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(0)} MB`;
}
