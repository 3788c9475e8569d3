/** The entropy mask of [80/20] Eq. 6: which response tokens carry the gradient. */

/** all: no mask. top: the forking tokens. bottom: the reverse experiment, everything else. random: the control arm, as many tokens by lot. */
export type MaskKind = "all" | "top" | "bottom" | "random";

/**
 * How the threshold is found. `exact`: exactly k = max(1, ceil(rho n)) tokens, ties broken by position (the authors' fork of
 * verl). `quantile`: every token at or above the interpolated quantile (TRL's `get_high_entropy_mask`).
 */
export type ThresholdRule = "exact" | "quantile";

export interface EntropyMaskSettings {
  readonly kind: MaskKind;
  /** Share of tokens at the top, 0 < rho <= 1; bottom keeps 1 - rho. TRL's `top_entropy_quantile`. */
  readonly rho: number;
  readonly rule: ThresholdRule;
}

export interface EntropyMask {
  /** 1 where the token carries the gradient, shape [n]. */
  readonly kept: Uint8Array;
  readonly keptCount: number;
  /** tau in nats: the lowest entropy among the top tokens (exact) or the quantile; NaN where there is none to tell. */
  readonly threshold: number;
}

/**
 * Masks one pool of response tokens. Pads and prompt tokens must not be in it: a pad's entropy would move the threshold.
 *
 * @param entropy nats, of the policy being trained, shape [n]; n may be 0
 * @param random uniform in [0, 1), used by the random mask only
 * @throws RangeError where rho is outside (0, 1] or an entropy is NaN
 */
export function entropyMask(
  entropy: ArrayLike<number>,
  { kind, rho, rule }: EntropyMaskSettings,
  random: () => number,
): EntropyMask {
  if (!(rho > 0 && rho <= 1)) {
    throw new RangeError(`rho must lie in (0, 1], not ${rho}.`);
  }
  const n = entropy.length;
  const kept = new Uint8Array(n);
  if (n === 0) return { kept, keptCount: 0, threshold: NaN };
  const order = descending(entropy);
  if (kind === "all") {
    kept.fill(1);
    return { kept, keptCount: n, threshold: entropy[order[n - 1]!]! };
  }
  const k = topCount(n, rho);
  if (kind === "random") {
    for (const i of draw(n, k, random)) kept[i] = 1;
    return { kept, keptCount: k, threshold: NaN };
  }
  const top = new Uint8Array(n);
  let threshold: number;
  if (rule === "exact") {
    for (let i = 0; i < k; i++) top[order[i]!] = 1;
    threshold = entropy[order[k - 1]!]!;
  } else {
    threshold = descendingQuantile(entropy, order, 1 - rho);
    for (let i = 0; i < n; i++) top[i] = entropy[i]! >= threshold ? 1 : 0;
  }
  let keptCount = 0;
  for (let i = 0; i < n; i++) {
    kept[i] = kind === "top" ? top[i]! : 1 - top[i]!;
    keptCount += kept[i]!;
  }
  return { kept, keptCount, threshold };
}

/** k = max(1, ceil(rho n)), guarded against 0.2 * 5 coming out above 1 in binary. */
export function topCount(n: number, rho: number): number {
  const exact = rho * n;
  const rounded = Math.round(exact);
  const k = Math.abs(exact - rounded) < 1e-9 * n ? rounded : Math.ceil(exact);
  return Math.min(n, Math.max(1, k));
}

/** Positions by falling entropy; equal entropies keep their order, so that a run is reproducible. */
function descending(entropy: ArrayLike<number>): Uint32Array {
  const order = new Uint32Array(entropy.length);
  for (let i = 0; i < order.length; i++) {
    if (Number.isNaN(entropy[i])) {
      throw new RangeError(`The entropy of token ${i} is not a number.`);
    }
    order[i] = i;
  }
  return order.sort((a, b) => entropy[b]! - entropy[a]! || a - b);
}

/** Linear interpolation between order statistics, as torch.quantile does by default. */
function descendingQuantile(
  entropy: ArrayLike<number>,
  order: Uint32Array,
  q: number,
): number {
  const at = q * (order.length - 1);
  const low = Math.floor(at);
  const high = Math.min(order.length - 1, low + 1);
  const value = (rank: number) => entropy[order[order.length - 1 - rank]!]!;
  return value(low) + (at - low) * (value(high) - value(low));
}

/** k distinct positions of n, each set equally likely (a partial Fisher-Yates shuffle). */
function draw(n: number, k: number, random: () => number): Uint32Array {
  const positions = Uint32Array.from({ length: n }, (_, i) => i);
  for (let i = 0; i < k; i++) {
    const j = i + Math.floor(random() * (n - i));
    [positions[i], positions[j]] = [positions[j]!, positions[i]!];
  }
  return positions.subarray(0, k);
}
