/** Which lines of a long metrics.jsonl are read, by byte offsets: enough for a picture, without reading the rest. */
import type { MetricsLine } from "./folder";

/** A line that was read, with its place in the file. */
export interface Row {
  /** Byte at which the line starts. */
  readonly offset: number;
  /** Byte behind its line break. */
  readonly end: number;
  readonly line: MetricsLine;
}

/** A stretch of bytes. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** Names that only some lines have: evaluations (ours, TRL's, verl's) and comparisons with the base. */
export const RARE_NAMES = ['"eval', '"compare/', '"val', '"test'] as const;

const LINE_FEED = 10;

/** Bytes, evenly spread over a range, behind each of which the next whole line is to be read. The first is the range's start. */
export function samplingPlan(range: ByteRange, points: number): number[] {
  const count = Math.max(1, Math.floor(points));
  const stride = (range.end - range.start) / count;
  return Array.from({ length: count }, (_, i) =>
    Math.floor(range.start + i * stride),
  );
}

/**
 * The first whole line in some bytes.
 * @param atStart whether the bytes begin at a line's start; else what stands before the first break is left out
 * @returns its bytes with the line break; undefined where no line is whole
 */
export function firstWholeLine(
  bytes: Uint8Array,
  atStart: boolean,
): ByteRange | undefined {
  const start = atStart ? 0 : bytes.indexOf(LINE_FEED) + 1;
  if (start === 0 && !atStart) return undefined;
  const end = bytes.indexOf(LINE_FEED, start) + 1;
  return end === 0 ? undefined : { start, end };
}

/** All whole lines in bytes that begin at a line's start. */
export function* wholeLines(bytes: Uint8Array): Generator<ByteRange> {
  for (let start = 0; ;) {
    const end = bytes.indexOf(LINE_FEED, start) + 1;
    if (end === 0) return;
    if (end - start > 1) yield { start, end };
    start = end;
  }
}

/** Rows of two readings in the file's order; what both have is kept once. Both must be sorted. */
export function mergeRows(one: readonly Row[], other: readonly Row[]): Row[] {
  const merged: Row[] = [];
  for (let i = 0, j = 0; i < one.length || j < other.length;) {
    const a = one[i];
    const b = other[j];
    if (b === undefined || (a !== undefined && a.offset < b.offset)) {
      merged.push(a!);
      i += 1;
    } else {
      if (a?.offset === b.offset) i += 1;
      merged.push(b);
      j += 1;
    }
  }
  return merged;
}

/** Whether a line has a quantity that most lines lack. */
export function isRare({ line }: Row): boolean {
  const names = RARE_NAMES.map((name) => name.slice(1));
  return Object.keys(line).some((key) =>
    names.some((name) => key.startsWith(name)),
  );
}

/** Every second of the ordinary rows, and all rare ones, the first and the last: for a run that is watched for days. */
export function thinned(rows: readonly Row[]): Row[] {
  return rows.filter(
    (row, i) => i % 2 === 0 || i === rows.length - 1 || isRare(row),
  );
}

/**
 * Bytes in which the lines of a range of steps must lie, by rows that are known already.
 * @param end the file's end
 */
export function bytesOfSteps(
  rows: readonly Row[],
  from: number,
  to: number,
  end: number,
): ByteRange {
  let start = 0;
  for (const row of rows) {
    if (row.line.step < from) start = Math.max(start, row.offset);
    else if (row.line.step > to) return { start, end: row.end };
  }
  return { start, end };
}
