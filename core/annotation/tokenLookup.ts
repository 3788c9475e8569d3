/** Finding tokens by offset: binary searches over the sorted columns of a scored trace. */
import type { ScoredTrace } from "./scoredTrace";
import { lowerBound, upperBound } from "./sortedSearch";

/** A half-open range of UTF-16 offsets into the coloured text. */
export interface OffsetRange {
  readonly start: number;
  readonly end: number;
}

/** The columns that a lookup reads. */
export type TokenRangeColumns = Pick<ScoredTrace, "start" | "end">;

/**
 * Index of the token whose range covers `offset`; undefined where none does.
 * Of the tokens that share one character, this is the one that carries the character's range.
 */
export function tokenAt(
  columns: TokenRangeColumns,
  offset: number,
): number | undefined {
  const { start, end } = columns;
  // Tokens without a range of their own sort beside the one that has it.
  for (let i = upperBound(start, offset) - 1; i >= 0; i--) {
    if (end[i]! > offset) return i;
    if (end[i]! > start[i]!) return undefined;
  }
  return undefined;
}

/**
 * The range in which token `index` is shown: its own, or that of the character which it continues.
 * Undefined for a token that stands for no text at all.
 */
export function shownRange(
  columns: TokenRangeColumns,
  index: number,
): OffsetRange | undefined {
  const { start, end } = columns;
  const carrier = carrierOf(columns, index);
  return carrier === undefined
    ? undefined
    : { start: start[carrier]!, end: end[carrier]! };
}

/**
 * Index of the token that carries the range in which token `index` is shown: itself, or the nearest token before it
 * whose range ends where this empty one stands.
 */
export function carrierOf(
  columns: TokenRangeColumns,
  index: number,
): number | undefined {
  const { start, end } = columns;
  const place = start[index]!;
  if (end[index]! > place) return index;
  for (let i = index - 1; i >= 0; i--) {
    if (end[i]! < place) return undefined;
    if (end[i]! > start[i]!) return i;
  }
  return undefined;
}

/**
 * Indices [first, last) of the tokens to look at for a range of text: all whose shown range touches it.
 * O(log n) and the few empty tokens at the edges.
 */
export function tokensIn(
  columns: TokenRangeColumns,
  range: OffsetRange,
): { readonly first: number; readonly last: number } {
  const { start, end } = columns;
  const n = start.length;
  // `end` ascends like `start`, since ranges do not overlap.
  const first = upperBound(end, range.start);
  let last = Math.max(first, lowerBound(start, range.end));
  // Empty tokens just behind belong to the character that ends there.
  while (last < n && last > first && end[last]! === start[last]!) {
    if (start[last]! > end[last - 1]!) break;
    last++;
  }
  return { first, last };
}
