import { type FileHandle, stat } from "node:fs/promises";
import { setImmediate as breathe } from "node:timers/promises";
import { parseMetricsLine } from "../../core/run/metricsColumns";
import {
  bytesOfSteps,
  firstWholeLine,
  mergeRows,
  RARE_NAMES,
  type ByteRange,
  type Row,
  samplingPlan,
  thinned,
  wholeLines,
} from "../../core/run/sampling";
import { openRegular } from "../runs/regularFile";

/** Bytes read at a time where everything is read: parsing them takes some 10 ms. */
const CHUNK = 1 << 20;
/** A range of at most so many bytes is read whole. */
const WHOLE = 2 << 20;
/** A line longer than this is not looked for. */
const LONGEST_LINE = 1 << 22;
/** Bytes before the end that are compared, so that a replaced file is noticed. */
const PROBE = 256;
/** Lines sampled at the same time. */
const PARALLEL = 8;
/** Evaluations and comparisons that are kept of one file. */
const MOST_RARE = 5000;
/** Milliseconds of parsing after which others get their turn. */
const STRETCH = 15;

/** What `tail` found. */
export type TailResult =
  | { readonly kind: "same" }
  | { readonly kind: "grown"; readonly rows: readonly Row[] }
  /** Read anew: it was cut back, or is another file. */
  | { readonly kind: "replaced" };

const SAME: TailResult = { kind: "same" };

/**
 * A metrics.jsonl that is read in part: sampled lines for a first picture, then what is asked for, then what is
 * appended. Bad lines are counted and left out. A file that is not there has no rows. Other failures throw.
 */
export class MetricsFile {
  /** In the file's order. */
  rows: readonly Row[] = [];
  /** Whether the rows are all whole lines of the file. */
  isComplete = false;
  /** Whole lines that are no metrics, among those read. */
  bad = 0;
  /** Behind the last whole line that was looked at. */
  private end = 0;
  /** How often the file was opened: what was begun before is of another file. */
  private opened = 0;
  private inode = 0;
  private probe: Buffer = Buffer.alloc(0);
  private readonly pace = new Pace();

  constructor(
    readonly path: string,
    /** Rows that a sampled file gives at first. */
    private readonly points: number,
  ) {}

  /** Reads the file anew: whole where it is small, else samples. */
  async open(whole = WHOLE): Promise<void> {
    this.rows = [];
    this.bad = 0;
    this.end = 0;
    this.isComplete = true;
    this.opened += 1;
    await this.withFile(async (file) => {
      const { size, ino } = await file.stat();
      this.inode = ino;
      if (size <= whole) {
        const { rows, end } = await this.readAll(file, { start: 0, end: size });
        this.rows = rows;
        this.end = end;
      } else {
        this.isComplete = false;
        this.end = await lastBreak(file, size);
        const range = { start: 0, end: this.end };
        const last = await this.readAll(file, {
          start: await lineStartBefore(file, this.end),
          end: this.end,
        });
        this.rows = mergeRows(
          await this.sample(file, range, this.points),
          last.rows,
        );
      }
      this.probe = await this.readProbe(file);
    });
  }

  /** Reads what was appended. */
  async tail(): Promise<TailResult> {
    const now = await stat(this.path).catch(ifMissing);
    if (now === undefined) {
      if (this.inode === 0) return SAME;
      await this.open();
      this.inode = 0;
      return { kind: "replaced" };
    }
    if (now.size === this.end && now.ino === this.inode) return SAME;
    const appended = await this.readAppended();
    if (appended === undefined) {
      await this.open();
      return { kind: "replaced" };
    }
    this.rows = [...this.rows, ...appended];
    return appended.length === 0 ? SAME : { kind: "grown", rows: appended };
  }

  /**
   * Goes through a sampled file once, for the lines that only some steps have (evaluations) and for more of the others.
   * @param points rows in all, about
   */
  async survey(points: number, signal?: AbortSignal): Promise<void> {
    if (this.isComplete) return;
    const found: Row[] = [];
    const { opened } = this;
    let rare = 0;
    await this.withFile(async (file) => {
      const stride = this.end / points;
      let next = 0;
      for (let at = 0; at < this.end && signal?.aborted !== true;) {
        const bytes = await readRange(file, {
          start: at,
          end: Math.min(this.end, at + CHUNK),
        });
        const whole = bytes.lastIndexOf("\n") + 1;
        // A line longer than a chunk is left out; the next line break ends it.
        const used = whole === 0 ? bytes.length : whole;
        if (used === 0) break;
        const wanted = new Set<number>();
        if (rare < MOST_RARE)
          for (const start of rareLines(bytes.subarray(0, whole))) {
            wanted.add(start);
            rare += 1;
          }
        for (; next < at + whole; next += stride)
          wanted.add(lineStart(bytes, Math.max(0, Math.floor(next - at))));
        for (const start of [...wanted].sort((a, b) => a - b)) {
          const end = bytes.indexOf("\n", start) + 1;
          if (end > 0) this.parse(bytes, { start, end }, at, found);
          if (this.pace.isDue()) await this.pace.rest();
        }
        at += used;
        if (this.pace.isDue()) await this.pace.rest();
      }
    });
    if (signal?.aborted !== true && opened === this.opened)
      this.rows = mergeRows(this.rows, found);
  }

  /** Reads more rows between two steps: all of them where they are not too many. */
  async detail(from: number, to: number, limit = WHOLE): Promise<void> {
    if (this.isComplete) return;
    const range = bytesOfSteps(this.rows, from, to, this.end);
    await this.withFile(async (file) => {
      const rows =
        range.end - range.start <= limit
          ? (await this.readAll(file, range)).rows
          : await this.sample(file, range, this.points);
      this.rows = mergeRows(this.rows, rows);
    });
  }

  /** Forgets rows until at most so many are left, evaluations last. */
  thin(limit: number): void {
    for (
      let before = Infinity;
      this.rows.length > limit && this.rows.length < before;
    ) {
      before = this.rows.length;
      this.rows = thinned(this.rows);
      this.isComplete = false;
    }
  }

  /** Every whole line of the file in turn, in batches. */
  async *lines(): AsyncGenerator<readonly Row[]> {
    const file = await openRegular(this.path).catch(ifMissing);
    if (file === undefined) return;
    try {
      const { size } = await file.stat();
      for (let at = 0; at < size;) {
        const range = { start: at, end: Math.min(size, at + CHUNK) };
        const { rows, end } = await this.readAll(file, range);
        yield rows;
        at = end === at ? range.end : end;
      }
    } finally {
      await file.close();
    }
  }

  /** undefined where the file is no longer the one that was read. */
  private async readAppended(): Promise<Row[] | undefined> {
    let appended: Row[] | undefined;
    await this.withFile(async (file) => {
      const { size, ino } = await file.stat();
      const isSame =
        ino === this.inode &&
        size >= this.end &&
        this.probe.equals(await this.readProbe(file));
      if (!isSame) return;
      const range = { start: this.end, end: size };
      const { rows, end } = await this.readAll(file, range);
      appended = rows;
      this.end = end;
      this.probe = await this.readProbe(file);
    });
    return appended;
  }

  /** The last bytes that were looked at. */
  private readProbe(file: FileHandle): Promise<Buffer> {
    const start = Math.max(0, this.end - PROBE);
    return readRange(file, { start, end: this.end });
  }

  private async readAll(
    file: FileHandle,
    range: ByteRange,
  ): Promise<{ rows: Row[]; end: number }> {
    const rows: Row[] = [];
    let at = range.start;
    let length = CHUNK;
    while (at < range.end) {
      const bytes = await readRange(file, {
        start: at,
        end: Math.min(range.end, at + length),
      });
      for (const line of wholeLines(bytes)) {
        this.parse(bytes, line, at, rows);
        if (this.pace.isDue()) await this.pace.rest();
      }
      const used = bytes.lastIndexOf("\n") + 1;
      at += used;
      if (used > 0) length = CHUNK;
      else if (at + length >= range.end || length > LONGEST_LINE) break;
      else length *= 2;
    }
    return { rows, end: at };
  }

  private async sample(
    file: FileHandle,
    range: ByteRange,
    points: number,
  ): Promise<Row[]> {
    const plan = samplingPlan(range, points);
    const rows: Row[] = [];
    // Twice a line: a whole one lies in it, wherever it begins.
    const head = await readRange(file, {
      start: range.start,
      end: Math.min(range.end, range.start + (1 << 16)),
    });
    const lines = [...wholeLines(head)];
    const longest = Math.max(512, ...lines.map((one) => one.end - one.start));
    const window = 2 * longest + 256;
    for (let i = 0; i < plan.length; i += PARALLEL) {
      const batch = plan
        .slice(i, i + PARALLEL)
        .map((at) => this.sampleAt(file, at, at === 0, range.end, window));
      for (const row of await Promise.all(batch))
        if (row !== undefined && row.offset > (rows.at(-1)?.offset ?? -1))
          rows.push(row);
      if (this.pace.isDue()) await this.pace.rest();
    }
    return rows;
  }

  private async sampleAt(
    file: FileHandle,
    at: number,
    isStart: boolean,
    end: number,
    window: number,
  ): Promise<Row | undefined> {
    for (let length = window; length <= LONGEST_LINE; length *= 4) {
      const range = { start: at, end: Math.min(end, at + length) };
      const bytes = await readRange(file, range);
      const line = firstWholeLine(bytes, isStart);
      if (line !== undefined) {
        const found: Row[] = [];
        this.parse(bytes, line, at, found);
        return found[0];
      }
      if (range.end === end) break;
    }
    return undefined;
  }

  private parse(
    bytes: Buffer,
    { start, end }: ByteRange,
    at: number,
    into: Row[],
  ): void {
    const line = parseMetricsLine(bytes.toString("utf8", start, end));
    if (line === undefined) this.bad += 1;
    else into.push({ offset: at + start, end: at + end, line });
  }

  /** A file that is not there is as an empty one. */
  private async withFile(use: (file: FileHandle) => Promise<void>) {
    const file = await openRegular(this.path).catch(ifMissing);
    if (file === undefined) return;
    try {
      await use(file);
    } finally {
      await file.close();
    }
  }
}

/** Lets others have their turn after a stretch of work. */
class Pace {
  private since = performance.now();

  isDue(): boolean {
    return performance.now() - this.since > STRETCH;
  }

  async rest(): Promise<void> {
    await breathe();
    this.since = performance.now();
  }
}

function ifMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT" && error.code !== "ENOTDIR") throw error;
  return undefined;
}

async function readRange(
  file: FileHandle,
  { start, end }: ByteRange,
): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(Math.max(0, end - start));
  const { bytesRead } = await file.read(bytes, 0, bytes.length, start);
  return bytes.subarray(0, bytesRead);
}

/** Byte behind the last line break. */
async function lastBreak(file: FileHandle, size: number): Promise<number> {
  for (let length = 1 << 16; ; length *= 4) {
    const start = Math.max(0, size - length);
    const at = (await readRange(file, { start, end: size })).lastIndexOf("\n");
    if (at >= 0) return start + at + 1;
    if (start === 0) return 0;
  }
}

/** Start of the line that ends at `end`. */
async function lineStartBefore(file: FileHandle, end: number): Promise<number> {
  return end === 0 ? 0 : lastBreak(file, end - 1);
}

function lineStart(bytes: Buffer, at: number): number {
  return at === 0 ? 0 : bytes.lastIndexOf("\n", at - 1) + 1;
}

/** Starts of the lines that hold one of the rare names. */
function* rareLines(bytes: Buffer): Generator<number> {
  for (const name of RARE_NAMES) {
    for (let at = bytes.indexOf(name); at >= 0;) {
      yield lineStart(bytes, at);
      const end = bytes.indexOf("\n", at);
      at = end < 0 ? -1 : bytes.indexOf(name, end);
    }
  }
}
