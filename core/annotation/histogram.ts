/** How a trace's entropies spread: what the statistics panel draws. */
import { lowerBound } from "./sortedSearch";

/** Counts of tokens over bins of equal width that begin at 0. */
export interface Histogram {
  /** nats */
  readonly binWidth: number;
  /** Tokens with binWidth i <= H < binWidth (i + 1), the last bin's upper edge included; shape [bins]. */
  readonly counts: readonly number[];
}

/** Bin widths in nats that read well on an axis. */
const WIDTHS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1];

/**
 * Counts entropies over at most `maximumBins` bins of a round width that reach from 0 to the highest entropy.
 * @param sorted ascending, in nats (`Cut.sorted`)
 * @returns no bin for an empty column
 */
export function histogram(
  sorted: ArrayLike<number>,
  maximumBins = 40,
): Histogram {
  const top = sorted.length === 0 ? 0 : sorted[sorted.length - 1]!;
  const binWidth =
    WIDTHS.find((width) => top <= width * maximumBins) ?? top / maximumBins;
  if (sorted.length === 0) return { binWidth, counts: [] };
  const bins = Math.max(1, Math.ceil(top / binWidth));
  const counts: number[] = [];
  let before = 0;
  for (let bin = 1; bin <= bins; bin++) {
    const until =
      bin === bins ? sorted.length : lowerBound(sorted, bin * binWidth);
    counts.push(until - before);
    before = until;
  }
  return { binWidth, counts };
}
