import {
  type HeatMode,
  decorationRanges,
  forkRanges,
} from "../../core/annotation/buckets";
import type { OffsetRange } from "../../core/annotation/tokenLookup";
import type { LinePosition, LineIndex } from "./lineIndex";
import type { LiveTrace } from "./liveTrace";

/** A range of a document in lines and characters. */
export interface LineRange {
  readonly start: LinePosition;
  readonly end: LinePosition;
}

/** What one painting gives each decoration type. */
export interface Screenful {
  /** The part of the document that is painted; scrolling within it needs no new painting. */
  readonly painted: readonly OffsetRange[];
  /** Per colour, core/annotation/buckets' order. */
  readonly buckets: readonly (readonly LineRange[])[];
  readonly forks: readonly LineRange[];
}

/** Least margin painted around what is visible, in UTF-16 units: short jumps then show no bare text. */
const LEAST_MARGIN = 4000;

/** Parts of a document by their offsets. */
export function offsetsOf(
  parts: readonly LineRange[],
  lines: LineIndex,
): OffsetRange[] {
  return parts.map(({ start, end }) => ({
    start: lines.offsetAt(start),
    end: lines.offsetAt(end),
  }));
}

/** Visible parts with a margin of their own size on both sides, overlapping ones joined. Document offsets, ascending. */
export function withMargin(
  visible: readonly OffsetRange[],
  length: number,
): OffsetRange[] {
  const joined: { start: number; end: number }[] = [];
  for (const { start, end } of visible) {
    const margin = Math.max(LEAST_MARGIN, end - start);
    const from = Math.max(0, start - margin);
    const to = Math.min(length, end + margin);
    const last = joined.at(-1);
    if (last !== undefined && from <= last.end)
      last.end = Math.max(last.end, to);
    else joined.push({ start: from, end: to });
  }
  return joined;
}

/** Whether all that is visible lies in what was painted. */
export function covers(
  painted: readonly OffsetRange[],
  visible: readonly OffsetRange[],
): boolean {
  return visible.every(({ start, end }) =>
    painted.some((one) => one.start <= start && end <= one.end),
  );
}

/**
 * What to paint of a trace for some visible parts: O(tokens in them), whatever the document's length.
 * @param visible document offsets, ascending and apart
 */
export function screenful(
  live: LiveTrace,
  lines: LineIndex,
  mode: HeatMode,
  visible: readonly OffsetRange[],
): Screenful {
  const painted = withMargin(visible, lines.length);
  const origin = live.region.start;
  const buckets: LineRange[][] = [];
  const forks: LineRange[] = [];
  const placed = ({ start, end }: OffsetRange): LineRange => ({
    start: lines.positionAt(origin + start),
    end: lines.positionAt(origin + end),
  });
  for (const { start, end } of painted) {
    const part = { start: start - origin, end: end - origin };
    const ranges = decorationRanges(live.columns, mode, live.cut, part);
    ranges.buckets.forEach((bucket, i) => {
      const list = (buckets[i] ??= []);
      for (const range of bucket) list.push(placed(range));
    });
    for (const range of ranges.forks) forks.push(placed(range));
  }
  return { painted, buckets, forks };
}

/** The lines that hold a fork, neighbouring ones joined, for the overview ruler: [first, last], both included. */
export function forkLines(
  live: LiveTrace,
  lines: LineIndex,
): (readonly [number, number])[] {
  const found: [number, number][] = [];
  const origin = live.region.start;
  for (const { start, end } of forkRanges(live.columns, live.cut)) {
    const first = lines.lineAt(origin + start);
    const bottom = lines.lineAt(origin + end - 1);
    const last = found.at(-1);
    if (last !== undefined && first <= last[1] + 1) last[1] = bottom;
    else found.push([first, bottom]);
  }
  return found;
}
