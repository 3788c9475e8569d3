import { open, stat } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import path from "node:path";
import {
  type ByteSource,
  type ReadOptions,
  RecordsFile,
  RecordsFileError,
} from "../../core/traces/recordsFile";
import { HEAD_BYTES, recordsFormat } from "../../core/traces/recordsFormat";

/** Files whose index is kept. */
const KEPT = 8;

interface OpenFile {
  readonly records: Promise<RecordsFile>;
  readonly handle: FileHandle;
  /** Size and modification time at the indexing: another stamp means another index. */
  readonly stamp: string;
}

/** The record files of this window: indexed once, and again when the file has changed. */
export class OpenFiles {
  private readonly byPath = new Map<string, OpenFile>();

  /**
   * The records of a file.
   * @throws RecordsFileError where it holds none; errors of the file system; the signal's reason where it was aborted
   */
  async recordsOf(
    file: string,
    options: ReadOptions = {},
  ): Promise<RecordsFile> {
    const facts = await stat(file);
    if (!facts.isFile()) {
      throw new RecordsFileError(`${path.basename(file)} is not a file.`);
    }
    const stamp = `${facts.size}:${facts.mtimeMs}`;
    const known = this.byPath.get(file);
    if (known?.stamp === stamp) {
      this.byPath.delete(file);
      this.byPath.set(file, known);
      return known.records;
    }
    await this.forget(file);
    const handle = await open(file);
    const source = byteSource(handle, facts.size);
    const records = indexFile(source, path.basename(file), options);
    this.byPath.set(file, { records, handle, stamp });
    try {
      return await records;
    } catch (error) {
      await this.forget(file);
      throw error;
    } finally {
      const oldest = this.byPath.keys().next();
      if (this.byPath.size > KEPT && !oldest.done)
        await this.forget(oldest.value);
    }
  }

  async dispose(): Promise<void> {
    for (const file of [...this.byPath.keys()]) await this.forget(file);
  }

  private async forget(file: string): Promise<void> {
    const known = this.byPath.get(file);
    this.byPath.delete(file);
    await known?.handle.close().catch(() => undefined);
  }
}

async function indexFile(
  source: ByteSource,
  fileName: string,
  options: ReadOptions,
): Promise<RecordsFile> {
  const head = await source.read(0, Math.min(HEAD_BYTES, source.size));
  const format = recordsFormat(fileName, head);
  if (format === undefined) {
    throw new RecordsFileError(
      `${fileName} is no file of records: its first line is no JSON object with a response in it. Annotate it as it is instead.`,
    );
  }
  return RecordsFile.open(source, fileName, format, options);
}

function byteSource(handle: FileHandle, size: number): ByteSource {
  return {
    size,
    async read(offset, length) {
      const bytes = new Uint8Array(length);
      let filled = 0;
      while (filled < length) {
        const { bytesRead } = await handle.read(
          bytes,
          filled,
          length - filled,
          offset + filled,
        );
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      return bytes.subarray(0, filled);
    },
  };
}
