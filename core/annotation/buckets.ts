/** Entropy to colour: a few buckets, and the ranges of text that each bucket colours. */
import type { Cut } from "./cut";
import type { ScoredTrace } from "./scoredTrace";
import { type OffsetRange, tokensIn } from "./tokenLookup";

/** Number of colours: `forksight.entropy.1` (bucket 0) to `forksight.entropy.6` (bucket 5). */
export const BUCKET_COUNT = 6;

/** nats. Below it a token is bare: about half of all tokens of a reasoning model lie there, [80/20] section 3. */
export const BARE_BELOW = 0.01;

/** nats. The upper end of the scale in the paper's coloured chains of thought, [80/20] Fig. 12-17. */
export const PAPER_SCALE_TOP = 6.58;

/** What is coloured: the forks alone, or every token that is not bare. */
export type HeatMode = "forks" | "heat";

/**
 * Lower edges of the buckets in nats, ascending, length BUCKET_COUNT. Neighbouring edges stand in one ratio, since
 * token entropies spread over orders of magnitude: with the paper's scale 0.01, 0.03, 0.09, 0.26, 0.76, 2.2.
 */
export type EntropyScale = readonly number[];

/** A scale from BARE_BELOW to `top` nats (at least ten times BARE_BELOW, so that buckets stay apart). */
export function entropyScale(top: number = PAPER_SCALE_TOP): EntropyScale {
  const usable = Number.isFinite(top)
    ? Math.max(top, 10 * BARE_BELOW)
    : PAPER_SCALE_TOP;
  const ratio = (usable / BARE_BELOW) ** (1 / BUCKET_COUNT);
  return Array.from(
    { length: BUCKET_COUNT },
    (_, i) => BARE_BELOW * ratio ** i,
  );
}

export const DEFAULT_SCALE: EntropyScale = entropyScale();

/** Bucket of an entropy in nats: 0 to BUCKET_COUNT - 1; -1 for a bare token (below the scale, or no entropy). */
export function bucketOf(
  entropy: number,
  scale: EntropyScale = DEFAULT_SCALE,
): number {
  let bucket = -1;
  while (bucket + 1 < scale.length && entropy >= scale[bucket + 1]!) bucket++;
  return bucket;
}

/** What to decorate in a part of the text. Ranges are [start, end) in UTF-16 offsets, ascending, apart, never empty. */
export interface DecorationRanges {
  /** Per bucket, shape [BUCKET_COUNT][ranges]; neighbours of one bucket are merged. */
  readonly buckets: readonly (readonly OffsetRange[])[];
  /** The forks, to be underlined in either mode; neighbours merged. */
  readonly forks: readonly OffsetRange[];
}

/**
 * The ranges to colour between two offsets: O(log n + tokens between them).
 *
 * A character that is split between several tokens takes the highest entropy among them, and is a fork if one of them
 * is. A fork is never bare: below the scale it takes the first bucket.
 * @param visible UTF-16 offsets into the coloured text, clipped to it; ranges of tokens at its edges are whole
 */
export function decorationRanges(
  scored: Pick<ScoredTrace, "start" | "end" | "entropy">,
  mode: HeatMode,
  cut: Cut,
  visible: OffsetRange,
  scale: EntropyScale = DEFAULT_SCALE,
): DecorationRanges {
  const { start, end, entropy } = scored;
  const buckets = Array.from({ length: scale.length }, () => new RangeList());
  const forks = new RangeList();
  const { first, last } = tokensIn(scored, visible);
  let i = first;
  while (i < last) {
    const from = start[i]!;
    const to = end[i]!;
    let highest = entropy[i]!;
    let fork = cut.isFork[i] === 1;
    i++;
    if (to === from) continue;
    // The empty tokens behind a range continue its last character.
    while (i < last && end[i] === start[i] && start[i]! <= to) {
      highest = maximum(highest, entropy[i]!);
      fork ||= cut.isFork[i] === 1;
      i++;
    }
    if (fork) forks.add(from, to);
    if (mode === "forks" && !fork) continue;
    const bucket = bucketOf(highest, scale);
    if (bucket >= 0) buckets[bucket]!.add(from, to);
    else if (fork) buckets[0]!.add(from, to);
  }
  return {
    buckets: buckets.map((list) => list.ranges),
    forks: forks.ranges,
  };
}

/** All of a trace's forks as merged ranges, for the overview ruler. */
export function forkRanges(
  scored: Pick<ScoredTrace, "start" | "end" | "entropy" | "textLength">,
  cut: Cut,
): readonly OffsetRange[] {
  const everything = { start: 0, end: scored.textLength };
  return decorationRanges(scored, "forks", cut, everything).forks;
}

/** NaN counts as nothing. */
function maximum(a: number, b: number): number {
  if (Number.isNaN(a)) return b;
  return Number.isNaN(b) || a > b ? a : b;
}

/** Ascending ranges; one that begins where the last ends is merged with it. */
class RangeList {
  readonly ranges: { start: number; end: number }[] = [];

  add(start: number, end: number): void {
    const last = this.ranges.at(-1);
    if (last?.end === start) last.end = end;
    else this.ranges.push({ start, end });
  }
}
