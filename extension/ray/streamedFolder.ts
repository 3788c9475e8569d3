import { constants } from "node:fs";
import { access, mkdir, open, readFile, rename, rm } from "node:fs/promises";
import path from "node:path";
import { inflate } from "node:zlib";
import { promisify } from "node:util";
import {
  type HashedFile,
  RUN_FOLDER,
  type RunStatus,
} from "../../core/run/folder";
import { readDescription, readStatus } from "../../core/run/readFolder";
import { CHUNK, type Frame } from "../../core/run/stream";
import { replaceFile } from "./rayState";

type Writable<T> = { -readonly [name in keyof T]: T[name] };

const unzip = promisify(inflate);

/** A gap in an appended file that is filled; a larger one is no gap but a wrong offset. */
const LARGEST_GAP = 16 * 1024 * 1024;

/** Files that grow line by line, so that lost bytes cost lines and not the file. */
const GROWING = new Set<string>([RUN_FOLDER.metrics, RUN_FOLDER.log]);

/** A run folder that is made from a job's frames (core/run/stream.ts). */
export class StreamedFolder {
  /** What is done to status.json comes one after another. */
  private turn: Promise<unknown> = Promise.resolve();

  constructor(
    readonly folder: string,
    private readonly now: () => number = Date.now,
  ) {}

  /**
   * Does what a frame says; doing it twice in a row changes nothing more.
   * @returns false for a frame whose data is damaged, which changes nothing
   * @throws Error where this machine's disk refuses
   */
  async apply(frame: Frame): Promise<boolean> {
    switch (frame.op) {
      case "write": {
        const bytes = await decode(frame.data);
        if (bytes) await this.write(frame.path, frame.at, bytes);
        return bytes !== undefined;
      }
      case "move":
        await this.move(frame.from, frame.to);
        return true;
      case "remove":
        await rm(this.at(frame.path), { recursive: true, force: true });
        return true;
      case "end":
        return true;
    }
  }

  /** undefined where there is none that can be read. */
  async status(): Promise<RunStatus | undefined> {
    try {
      const read = readStatus(
        await readFile(this.at(RUN_FOLDER.status), "utf8"),
      );
      return read.ok ? read.value : undefined;
    } catch {
      return undefined;
    }
  }

  /**
   * Changes status.json by itself, between the job's own words.
   * @param change undefined leaves it as it is
   */
  async changeStatus(
    change: (status: RunStatus) => RunStatus | undefined,
  ): Promise<void> {
    await this.inTurn(async () => {
      const before = await this.status();
      const after = before && change(before);
      if (after) await this.writeStatus(after);
    });
  }

  private async write(name: string, at: number, bytes: Buffer): Promise<void> {
    const file = this.at(name);
    await mkdir(path.dirname(file), { recursive: true });
    const handle = await open(file, constants.O_RDWR | constants.O_CREAT);
    try {
      const { size } = await handle.stat();
      const gap = at - size;
      if (gap > 0 && !(GROWING.has(name) && gap <= LARGEST_GAP)) {
        // Its beginning was lost: a file with a hole would be taken for a whole one.
        await handle.close();
        return await rm(file, { force: true });
      }
      if (gap > 0) await handle.write(Buffer.alloc(gap, "\n"), 0, gap, size);
      await handle.truncate(at);
      await handle.write(bytes, 0, bytes.length, at);
    } finally {
      await handle.close();
    }
  }

  private async move(from: string, to: string): Promise<void> {
    const source = this.at(from);
    // Done already, or what it would move was lost.
    if (!(await exists(source))) return;
    if (to === RUN_FOLDER.status) return this.adoptStatus(source);
    if (to === RUN_FOLDER.run) return this.adoptDescription(source);
    await rm(this.at(to), { recursive: true, force: true });
    await rename(source, this.at(to));
  }

  /** The heartbeat is of this machine's clock, and the process none of this machine's. */
  private async adoptStatus(source: string): Promise<void> {
    const read = readStatus(await readFile(source, "utf8"));
    await this.inTurn(async () => {
      if (read.ok) {
        const heartbeat = new Date(this.now()).toISOString();
        const status: Writable<RunStatus> = { ...read.value, heartbeat };
        delete status.pid;
        await this.writeStatus(status);
      }
      await rm(source, { force: true });
    });
  }

  /**
   * The run stays what was launched here, with this machine's paths; the job knows its versions, the hashes of files
   * that lie on the cluster, and how many steps a resumed run goes to.
   */
  private async adoptDescription(source: string): Promise<void> {
    const file = this.at(RUN_FOLDER.run);
    const theirs = readDescription(await readFile(source, "utf8"));
    const ours = readDescription(await readFile(file, "utf8"));
    if (theirs.ok && ours.ok) {
      const { steps } = theirs.value.settings;
      const { train, eval: evals } = ours.value.data;
      const theirEvals = theirs.value.data.eval;
      const merged = {
        ...ours.value,
        versions: { ...theirs.value.versions, ...ours.value.versions },
        model: withHash(ours.value.model, theirs.value.model),
        data: {
          train: withHash(train, theirs.value.data.train),
          eval: Object.fromEntries(
            Object.entries(evals).map(([name, file]) => [
              name,
              withHash(file, theirEvals[name]),
            ]),
          ),
        },
        settings: {
          ...ours.value.settings,
          ...(typeof steps === "number" && { steps }),
        },
      };
      await replaceFile(file, `${JSON.stringify(merged, null, 2)}\n`);
    }
    await rm(source, { force: true });
  }

  private writeStatus(status: RunStatus): Promise<void> {
    const text = `${JSON.stringify(status, null, 2)}\n`;
    return replaceFile(this.at(RUN_FOLDER.status), text);
  }

  private inTurn(run: () => Promise<void>): Promise<void> {
    const done = this.turn.then(run);
    this.turn = done.catch(() => undefined);
    return done;
  }

  /** @param name of a frame that was checked, with `/` */
  private at(name: string): string {
    return path.join(this.folder, ...name.split("/"));
  }
}

/** Here a file's place on this machine, there what is in it. */
function withHash(
  ours: HashedFile,
  theirs: HashedFile | undefined,
): HashedFile {
  return theirs === undefined
    ? ours
    : { path: ours.path, sha256: theirs.sha256, bytes: theirs.bytes };
}

/** undefined for what is no zlib, or more than a frame may carry. */
function decode(data: string): Promise<Buffer | undefined> {
  return unzip(Buffer.from(data, "base64"), { maxOutputLength: CHUNK }).catch(
    () => undefined,
  );
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
