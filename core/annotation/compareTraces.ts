/** The same text under two models: which forks are gained, lost and kept, [80/20] section 4 for any pair of models. */
import { type ChosenCut, cutTrace } from "./cut";
import type { ScoredTrace } from "./scoredTrace";
import { shownRange } from "./tokenLookup";

/** What became of a token from model A to model B. */
export const FATE = { none: 0, kept: 1, gained: 2, lost: 3 } as const;

/** A column per quantity, a row per token that was compared, in the order of the text. Offsets are UTF-16. */
export interface Comparison {
  /** Whether both models have the same tokens; else those are compared that begin at the same place in both. */
  readonly sameTokens: boolean;
  /** Tokens of the text under each. */
  readonly tokens: { readonly a: number; readonly b: number };
  /** Row in each trace, shape [n]. */
  readonly rowA: Uint32Array;
  readonly rowB: Uint32Array;
  /** Where model A's token is shown, shape [n]; equal for a token without text. */
  readonly start: Uint32Array;
  readonly end: Uint32Array;
  /** nats, shape [n]. */
  readonly entropyA: Float32Array;
  readonly entropyB: Float32Array;
  /** One of `FATE`, shape [n]. */
  readonly fate: Uint8Array;
  readonly kept: number;
  readonly gained: number;
  readonly lost: number;
  /** Share of A's forks that are forks in B, as `forkOverlap` (core/rl/compare); NaN where A has none. */
  readonly overlap: number;
}

/**
 * Compares two scores of one text. Tokens without an entropy under either model are left out. The cut is taken anew in
 * each model over the tokens that are compared.
 * @throws RangeError where the traces are of texts of different length
 */
export function compareTraces(
  a: ScoredTrace,
  b: ScoredTrace,
  rule: ChosenCut,
): Comparison {
  if (a.textLength !== b.textLength) {
    throw new RangeError(
      `Traces of ${a.textLength} and ${b.textLength} characters are not of the same text.`,
    );
  }
  const sameTokens = equal(a.ids, b.ids) && equal(a.start, b.start);
  const pairs = (sameTokens ? all(a.ids.length) : sameStarts(a, b)).filter(
    ([i, j]) => !Number.isNaN(a.entropy[i]!) && !Number.isNaN(b.entropy[j]!),
  );
  const entropyA = Float32Array.from(pairs, ([i]) => a.entropy[i]!);
  const entropyB = Float32Array.from(pairs, ([, j]) => b.entropy[j]!);
  const forksA = cutTrace(entropyA, rule).isFork;
  const forksB = cutTrace(entropyB, rule).isFork;
  const n = pairs.length;
  const start = new Uint32Array(n);
  const end = new Uint32Array(n);
  const fate = new Uint8Array(n);
  const count = [0, 0, 0, 0];
  pairs.forEach(([i], at) => {
    const place = shownRange(a, i) ?? { start: a.start[i]!, end: a.start[i]! };
    start[at] = place.start;
    end[at] = place.end;
    const one = fateOf(forksA[at] === 1, forksB[at] === 1);
    fate[at] = one;
    count[one]!++;
  });
  const kept = count[FATE.kept]!;
  const lost = count[FATE.lost]!;
  return {
    sameTokens,
    tokens: { a: a.ids.length, b: b.ids.length },
    rowA: Uint32Array.from(pairs, ([i]) => i),
    rowB: Uint32Array.from(pairs, ([, j]) => j),
    start,
    end,
    entropyA,
    entropyB,
    fate,
    kept,
    gained: count[FATE.gained]!,
    lost,
    overlap: kept / (kept + lost),
  };
}

/** Rows by how much their entropy differs, the largest change first; at most `limit`. */
export function largestChanges(
  { entropyA, entropyB }: Comparison,
  limit: number,
): number[] {
  const change = (row: number) => Math.abs(entropyB[row]! - entropyA[row]!);
  return Array.from(entropyA, (_, row) => row)
    .sort((x, y) => change(y) - change(x) || x - y)
    .slice(0, limit);
}

function fateOf(inA: boolean, inB: boolean): number {
  if (inA) return inB ? FATE.kept : FATE.lost;
  return inB ? FATE.gained : FATE.none;
}

type Pair = readonly [number, number];

function all(n: number): Pair[] {
  return Array.from({ length: n }, (_, i) => [i, i] as const);
}

/** Pairs of tokens with text that begin at the same place: there both models stand before the same decision. */
function sameStarts(a: ScoredTrace, b: ScoredTrace): Pair[] {
  const pairs: Pair[] = [];
  for (let i = 0, j = 0; i < a.start.length && j < b.start.length;) {
    if (a.end[i] === a.start[i]) i++;
    else if (b.end[j] === b.start[j]) j++;
    else if (a.start[i]! < b.start[j]!) i++;
    else if (b.start[j]! < a.start[i]!) j++;
    else pairs.push([i++, j++]);
  }
  return pairs;
}

function equal(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
