import { createHash, randomUUID } from "node:crypto";
import { mkdir, open, readFile, readdir, rename } from "node:fs/promises";
import { rm, stat, utimes, writeFile } from "node:fs/promises";
import path from "node:path";
import type { ScoredTrace } from "../../core/annotation/scoredTrace";
import type { AnnotateParams } from "../../core/engine/protocol";
import { decodeTrace, encodeTrace } from "./traceFormat";

const EXTENSION = ".trace";
/** Bytes of a model's head that its stamp hashes: GGUF's metadata starts there. */
const HEAD_BYTES = 64 * 1024;
/** Milliseconds after which a temporary file is one that somebody left behind. */
const ABANDONED_AFTER = 3_600_000;

/**
 * Scored traces on disk, so that a trace once scored opens at once. Bounded by size: those that were used longest ago
 * go first. A file that cannot be read back is deleted with a line in the log; the cache is never the reason for an error.
 */
export class TraceCache {
  private writing: Promise<void> = Promise.resolve();

  /**
   * @param folder made when it is needed
   * @param limitBytes what all files together may take; 0 turns the cache off
   */
  constructor(
    private readonly folder: string,
    private readonly limitBytes: () => number,
    private readonly log: (line: string) => void,
  ) {}

  async get(key: string): Promise<ScoredTrace | undefined> {
    if (this.limitBytes() <= 0) return undefined;
    const file = this.fileOf(key);
    let bytes: Uint8Array;
    try {
      bytes = await readFile(file);
    } catch {
      return undefined;
    }
    try {
      const trace = decodeTrace(bytes);
      const now = new Date();
      await utimes(file, now, now).catch(() => undefined);
      return trace;
    } catch (error) {
      this.log(
        `Dropped the cached annotation ${path.basename(file)}: ${describe(error)}.`,
      );
      await rm(file, { force: true }).catch(() => undefined);
      return undefined;
    }
  }

  /** Writes in turn, to a temporary name first. Never rejects. */
  put(key: string, trace: ScoredTrace): Promise<void> {
    this.writing = this.writing
      .then(() => this.write(key, trace))
      .catch((error: unknown) => {
        this.log(`Could not cache an annotation: ${describe(error)}.`);
      });
    return this.writing;
  }

  /** Deletes all of it. */
  async clear(): Promise<void> {
    await this.writing;
    for (const { file } of await this.list()) await rm(file, { force: true });
  }

  private async write(key: string, trace: ScoredTrace): Promise<void> {
    const limit = this.limitBytes();
    if (limit <= 0) return;
    const bytes = encodeTrace(trace);
    if (bytes.length > limit) return;
    await mkdir(this.folder, { recursive: true });
    const file = this.fileOf(key);
    const temporary = `${file}.${randomUUID()}.tmp`;
    try {
      await writeFile(temporary, bytes);
      await rename(temporary, file);
    } finally {
      await rm(temporary, { force: true });
    }
    await this.prune(limit);
  }

  private async prune(limit: number): Promise<void> {
    const files = await this.list();
    files.sort((a, b) => b.usedAt - a.usedAt);
    let total = 0;
    for (const { file, size } of files) {
      total += size;
      if (total > limit) await rm(file, { force: true });
    }
  }

  private async list(): Promise<
    { readonly file: string; readonly size: number; readonly usedAt: number }[]
  > {
    const names = await readdir(this.folder).catch(() => []);
    const found = [];
    for (const name of names) {
      const file = path.join(this.folder, name);
      const facts = await stat(file).catch(() => undefined);
      if (facts === undefined) continue;
      if (name.endsWith(EXTENSION)) {
        found.push({ file, size: facts.size, usedAt: facts.mtimeMs });
      } else if (
        name.endsWith(".tmp") &&
        Date.now() - facts.mtimeMs > ABANDONED_AFTER
      ) {
        await rm(file, { force: true }).catch(() => undefined);
      }
    }
    return found;
  }

  private fileOf(key: string): string {
    return path.join(this.folder, key + EXTENSION);
  }
}

/**
 * The name under which a score is kept: a hash of all that its numbers depend on.
 * @param version of the extension: another one may score otherwise
 * @throws Error of the file system where the model or the adapter cannot be read
 */
export async function cacheKey(
  params: Omit<AnnotateParams, "progressId">,
  version: string,
): Promise<string> {
  const { modelPath, adapterPath, text, ...rest } = params;
  const facts = [
    version,
    await fileStamp(modelPath),
    adapterPath === undefined ? "" : await fileStamp(adapterPath),
    rest.temperature,
    rest.topK,
    rest.precision,
    rest.contextSize,
    rest.conditioning,
  ];
  return createHash("sha256")
    .update(JSON.stringify(facts))
    .update("\0")
    .update(text)
    .digest("hex");
}

/** Changes when the file does: size, time of modification and a hash of its head. */
async function fileStamp(file: string): Promise<string> {
  const handle = await open(file);
  try {
    const { size, mtimeMs } = await handle.stat();
    const head = Buffer.alloc(HEAD_BYTES);
    const { bytesRead } = await handle.read(head, 0, HEAD_BYTES, 0);
    const hash = createHash("sha256").update(head.subarray(0, bytesRead));
    return `${size}:${mtimeMs}:${hash.digest("hex")}`;
  } finally {
    await handle.close();
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
