/** The numbers that describe one scored trace: percentiles, means, shares, and the tokens that fork most and least. */
import type { Cut, CutRule } from "./cut";
import type { ScoredTrace } from "./scoredTrace";
import { lowerBound } from "./sortedSearch";

/** nats. The paper counts the tokens below it: 50.64 % with Qwen3-8B, [80/20] section 3. */
export const NEAR_ZERO = 0.01;

/** The percentiles that a summary gives: 0, 5, ..., 100, as the paper tabulates them. */
export const SUMMARY_PERCENTS: readonly number[] = Array.from(
  { length: 21 },
  (_, i) => 5 * i,
);

/** A token's mean entropy over the places where it stands. */
export interface TokenMean {
  readonly id: number;
  /** As in `ScoredTrace.pieces`. */
  readonly text: string;
  /** Places where it stands and has an entropy. */
  readonly count: number;
  /** nats */
  readonly meanEntropy: number;
}

/** Everything is JSON: what has no value is null. Entropies in nats. */
export interface TraceSummary {
  readonly tokens: number;
  /** Tokens that have an entropy: all but, without a BOS token or a prompt, the first. */
  readonly scoredTokens: number;
  readonly meanEntropy: number | null;
  readonly medianEntropy: number | null;
  /** Empty where no token has an entropy. */
  readonly percentiles: readonly {
    readonly percent: number;
    readonly nats: number;
  }[];
  /** Share (0 to 1) of the scored tokens with an entropy below 0.01 nats. */
  readonly shareBelow001: number | null;
  readonly cut: {
    readonly kind: CutRule["kind"];
    /** The rule's number: a share from 0 to 1, or nats; of a mask the share that it kept. */
    readonly value: number;
    /** nats; see `Cut.threshold`. */
    readonly threshold: number | null;
    readonly forks: number;
  };
  /** exp of the mean of -logprob over the scored tokens. */
  readonly perplexity: number | null;
  /** Times that a token must stand in the trace to be listed below. */
  readonly minimumSeen: number;
  /** Highest mean entropy first. */
  readonly topTokens: readonly TokenMean[];
  /** Lowest mean entropy first. */
  readonly bottomTokens: readonly TokenMean[];
}

export interface SummaryOptions {
  /** Tokens listed at either end. */
  readonly listed?: number;
  /** Times a token must be seen to be listed; the paper takes 100 of a million tokens. Default: `defaultMinimumSeen`. */
  readonly minimumSeen?: number;
}

/**
 * Value below which `percent` of the values lie, with linear interpolation between neighbours: numpy.percentile's
 * default method.
 * @param sorted ascending
 * @param percent 0 to 100
 * @returns NaN for an empty column
 */
export function percentile(sorted: ArrayLike<number>, percent: number): number {
  const n = sorted.length;
  if (n === 0) return NaN;
  const place = (Math.min(Math.max(percent, 0), 100) / 100) * (n - 1);
  const below = Math.floor(place);
  const low = sorted[below]!;
  const high = sorted[Math.min(below + 1, n - 1)]!;
  return low + (high - low) * (place - below);
}

/** Mean in double precision over the values that are numbers; NaN where none is. */
export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  let count = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (Number.isNaN(value)) continue;
    sum += value;
    count++;
  }
  return count === 0 ? NaN : sum / count;
}

/** Share (0 to 1) of an ascending column that is below `limit`; NaN for an empty one. */
export function shareBelow(sorted: ArrayLike<number>, limit: number): number {
  return sorted.length === 0 ? NaN : lowerBound(sorted, limit) / sorted.length;
}

/** Seen often enough for a mean to say something: 2 in a short trace, the paper's 100 from 100,000 tokens on. */
export function defaultMinimumSeen(scoredTokens: number): number {
  return Math.min(100, Math.max(2, Math.ceil(scoredTokens / 1000)));
}

/**
 * Mean entropy per token id, over all ids seen at least `minimumSeen` times; highest first, equal means by the more
 * frequent and then the smaller id.
 */
export function tokenMeans(
  scored: Pick<ScoredTrace, "ids" | "entropy" | "pieces">,
  minimumSeen: number,
): TokenMean[] {
  const totals = new Map<number, { count: number; sum: number }>();
  for (let i = 0; i < scored.ids.length; i++) {
    const entropy = scored.entropy[i]!;
    if (Number.isNaN(entropy)) continue;
    const id = scored.ids[i]!;
    const total = totals.get(id);
    if (total) {
      total.count++;
      total.sum += entropy;
    } else totals.set(id, { count: 1, sum: entropy });
  }
  const means: TokenMean[] = [];
  for (const [id, { count, sum }] of totals) {
    if (count < minimumSeen) continue;
    const text = scored.pieces.get(id) ?? "";
    means.push({ id, text, count, meanEntropy: sum / count });
  }
  return means.sort(
    (a, b) => b.meanEntropy - a.meanEntropy || b.count - a.count || a.id - b.id,
  );
}

/** Sums up a scored trace under a cut. Linear but for one sort that `cutTrace` has already done. */
export function summarize(
  scored: Pick<ScoredTrace, "ids" | "entropy" | "logprob" | "pieces">,
  cut: Cut,
  options: SummaryOptions = {},
): TraceSummary {
  const { sorted, rule } = cut;
  const listed = options.listed ?? 20;
  const minimumSeen = options.minimumSeen ?? defaultMinimumSeen(sorted.length);
  const means = tokenMeans(scored, minimumSeen);
  return {
    tokens: scored.ids.length,
    scoredTokens: sorted.length,
    meanEntropy: orNull(mean(sorted)),
    medianEntropy: orNull(percentile(sorted, 50)),
    percentiles:
      sorted.length === 0
        ? []
        : SUMMARY_PERCENTS.map((percent) => ({
            percent,
            nats: percentile(sorted, percent),
          })),
    shareBelow001: orNull(shareBelow(sorted, NEAR_ZERO)),
    cut: {
      kind: rule.kind,
      value: ruleNumber(cut),
      threshold: orNull(cut.threshold),
      forks: cut.forks.length,
    },
    perplexity: orNull(Math.exp(-mean(scored.logprob))),
    minimumSeen,
    topTokens: means.slice(0, listed),
    bottomTokens: means.slice(-listed).reverse(),
  };
}

/** JSON knows no NaN and no infinity. */
function orNull(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

function ruleNumber({ rule, forks, isFork }: Cut): number {
  switch (rule.kind) {
    case "share":
      return rule.share;
    case "fixed":
      return rule.nats;
    case "mask":
      return isFork.length === 0 ? 0 : forks.length / isFork.length;
  }
}
