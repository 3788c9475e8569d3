/**
 * Which tokens are forking tokens: the cut between the high-entropy minority and the rest, [80/20] section 3.
 */
import { topCount } from "../rl/mask";
import { upperBound } from "./sortedSearch";

/** The share of tokens that the paper keeps, rho in [80/20] Eq. 6. */
export const PAPER_SHARE = 0.2;

/** The 80th percentile that the paper measured with Qwen3-8B on AIME'24 and '25, in nats: a preset, never a default. */
export const PAPER_THRESHOLD = 0.672;

/** How a person chooses the cut. */
export type ChosenCut =
  /** The tokens of highest entropy: the top `share` (0 to 1] of the trace's own. */
  | { readonly kind: "share"; readonly share: number }
  /** All tokens with an entropy above `nats`. */
  | { readonly kind: "fixed"; readonly nats: number };

/** A cut given token by token: the tokens that a training run kept. */
export interface MaskCut {
  readonly kind: "mask";
  /** 1 where the token was kept, shape [n]. */
  readonly kept: ArrayLike<number>;
}

/** How the cut is made. */
export type CutRule = ChosenCut | MaskCut;

/** The default: the top 20 % of this trace. */
export const DEFAULT_CUT: ChosenCut = { kind: "share", share: PAPER_SHARE };

/** A cut applied to one trace. */
export interface Cut {
  readonly rule: CutRule;
  /**
   * nats. For a share or a mask: the lowest entropy among the forks (they have at least this much). For a fixed rule:
   * the rule's number (they have more). NaN where a share or a mask left no fork.
   */
  readonly threshold: number;
  /** Indices of the forking tokens, ascending, shape [forks]. */
  readonly forks: Uint32Array;
  /** 1 where the token is a fork, shape [n]. */
  readonly isFork: Uint8Array;
  /** The trace's entropies that are numbers, ascending in nats, shape [scored]; what ranks and percentiles read. */
  readonly sorted: Float32Array;
}

/** The entropies that are numbers, ascending, shape [scored]. One sort serves cut, percentiles and ranks. */
export function sortEntropies(entropy: Float32Array): Float32Array {
  const kept = new Float32Array(entropy.length);
  let scored = 0;
  for (const value of entropy) {
    if (!Number.isNaN(value)) kept[scored++] = value;
  }
  return kept.subarray(0, scored).sort();
}

/**
 * Applies a rule to a trace's entropies.
 *
 * A share is an exact top-k over the tokens that have an entropy, k = max(1, ceil(share n)), the same that the
 * training mask takes (core/rl/mask); of several tokens with
 * the same entropy at the edge, the earlier ones are taken. A fixed cut takes H > nats, however many that are.
 * @param entropy nats, shape [n], NaN where there is none
 * @throws RangeError where the share is not in (0, 1], the fixed number is negative or no number, or the mask is of
 * another length
 */
export function cutTrace(entropy: Float32Array, rule: CutRule): Cut {
  checkRule(rule);
  const sorted = sortEntropies(entropy);
  const isFork = new Uint8Array(entropy.length);
  if (rule.kind === "mask") return cutByMask(entropy, rule, isFork, sorted);
  let threshold: number;
  let count: number;
  let atEdge: number;
  if (rule.kind === "fixed") {
    threshold = rule.nats;
    count = markAbove(entropy, threshold, isFork);
    atEdge = 0;
  } else {
    const wanted = topCount(sorted.length, rule.share);
    threshold = wanted === 0 ? NaN : sorted[sorted.length - wanted]!;
    const above = markAbove(entropy, threshold, isFork);
    atEdge = wanted - above;
    count = wanted;
  }
  const forks = new Uint32Array(count);
  let found = 0;
  for (let i = 0; i < entropy.length; i++) {
    if (isFork[i] === 0 && atEdge > 0 && entropy[i] === threshold) {
      isFork[i] = 1;
      atEdge--;
    }
    if (isFork[i] === 1) forks[found++] = i;
  }
  return { rule, threshold, forks, isFork, sorted };
}

/**
 * The percentile of an entropy within a trace: the percentage of its scored tokens with at most this entropy.
 * @param sorted as `Cut.sorted`
 * @param entropy nats
 * @returns 0 to 100; NaN for an empty trace or an entropy that is no number
 */
export function percentileOf(sorted: Float32Array, entropy: number): number {
  if (sorted.length === 0 || Number.isNaN(entropy)) return NaN;
  return (100 * upperBound(sorted, entropy)) / sorted.length;
}

function cutByMask(
  entropy: Float32Array,
  rule: MaskCut,
  isFork: Uint8Array,
  sorted: Float32Array,
): Cut {
  if (rule.kept.length !== entropy.length) {
    throw new RangeError(
      `A mask of ${rule.kept.length} tokens does not cut a trace of ${entropy.length}.`,
    );
  }
  const forks: number[] = [];
  let threshold = NaN;
  for (let i = 0; i < entropy.length; i++) {
    if (rule.kept[i] !== 1) continue;
    isFork[i] = 1;
    forks.push(i);
    if (!(entropy[i]! >= threshold)) threshold = entropy[i]!;
  }
  return { rule, threshold, forks: Uint32Array.from(forks), isFork, sorted };
}

function markAbove(
  entropy: Float32Array,
  threshold: number,
  isFork: Uint8Array,
): number {
  let count = 0;
  for (let i = 0; i < entropy.length; i++) {
    // NaN compares false with everything: a token without an entropy is never a fork.
    if (entropy[i]! > threshold) {
      isFork[i] = 1;
      count++;
    }
  }
  return count;
}

function checkRule(rule: CutRule): void {
  if (rule.kind === "share") {
    if (!(rule.share > 0 && rule.share <= 1)) {
      throw new RangeError(
        `The share of forking tokens must be above 0 and at most 1 (0.2 is the paper's), not ${rule.share}.`,
      );
    }
  } else if (
    rule.kind === "fixed" &&
    !(rule.nats >= 0 && Number.isFinite(rule.nats))
  ) {
    throw new RangeError(
      `A fixed cut is an entropy in nats, 0 or more (0.672 is the paper's), not ${rule.nats}.`,
    );
  }
}
