import type { Dirent } from "node:fs";
import { readdir, realpath, stat } from "node:fs/promises";
import { join } from "node:path";

/** Deep enough for `models--a--b/snapshots/<revision>/folder/file`. */
const DEPTH = 6;
/** A folder with more entries than this is no folder of models. */
const MOST_ENTRIES = 20_000;

export interface WalkedFile {
  readonly path: string;
  /** The path with all links followed. */
  readonly real: string;
}

/** Walks folders until a point in time or an abort; what was found until then counts. */
export class FileWalk {
  constructor(
    /** As performance.now() tells time. */
    private readonly until: number,
    private readonly signal: AbortSignal | undefined,
  ) {}

  get over(): boolean {
    return this.signal?.aborted === true || performance.now() > this.until;
  }

  /** Entries of a folder; none where it cannot be read. */
  async entries(folder: string): Promise<Dirent[]> {
    if (this.over) {
      return [];
    }
    try {
      const entries = await readdir(folder, { withFileTypes: true });
      return entries
        .slice(0, MOST_ENTRIES)
        .sort((a, b) => (a.name < b.name ? -1 : 1));
    } catch {
      return [];
    }
  }

  /** Files below a folder whose name is wanted. Links to files are followed, links to folders are not: they can circle. */
  async files(
    folder: string,
    wanted: (name: string) => boolean,
    depth = DEPTH,
  ): Promise<WalkedFile[]> {
    const found: WalkedFile[] = [];
    for (const entry of await this.entries(folder)) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) {
        if (depth > 0 && !isSkipped(entry.name)) {
          found.push(...(await this.files(path, wanted, depth - 1)));
        }
      } else if (wanted(entry.name)) {
        const real = await realFile(path);
        if (real !== undefined) {
          found.push({ path, real });
        }
      }
    }
    return found;
  }
}

function isSkipped(name: string): boolean {
  return name.startsWith(".") || name === "node_modules";
}

/** The file behind a path, links followed; undefined where there is none. */
export async function realFile(path: string): Promise<string | undefined> {
  try {
    return (await stat(path)).isFile() ? await realpath(path) : undefined;
  } catch {
    return undefined;
  }
}

/** Bytes; 0 where there is no file. */
export async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch {
    return 0;
  }
}
