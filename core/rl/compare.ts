/** How a policy differs from its base model on the same texts: [80/20] section 4, findings 3 and 4 of PAPER's list. */
import { topCount } from "./mask";

/** Bins of base entropy, 5 % of the tokens each, as in [80/20] Fig. 7. */
export const ENTROPY_BINS = 20;

/**
 * Share of the base model's top-rho positions that are among the policy's top rho too ([80/20] Table "overlap"): 1 where
 * nothing has moved. Ties go to the earlier position.
 * @param base nats under the base model, shape [n]
 * @param current nats under the policy, of the same tokens
 * @returns NaN where n is 0
 */
export function forkOverlap(
  base: ArrayLike<number>,
  current: ArrayLike<number>,
  rho: number,
): number {
  sameLength(base, current);
  const k = Math.min(base.length, topCount(base.length, rho));
  if (base.length === 0) return NaN;
  const top = new Set(byEntropy(base).slice(-k));
  let shared = 0;
  for (const i of byEntropy(current).slice(-k)) if (top.has(i)) shared++;
  return shared / k;
}

/**
 * Mean of (current - base) by bin of base entropy: bin b holds the tokens of ranks [b n / 20, (b + 1) n / 20).
 * @returns nats, shape [20], lowest base entropy first; null for a bin without tokens
 */
export function entropyChangeByBin(
  base: ArrayLike<number>,
  current: ArrayLike<number>,
): (number | null)[] {
  sameLength(base, current);
  const order = byEntropy(base);
  const n = order.length;
  return Array.from({ length: ENTROPY_BINS }, (_, bin) => {
    const from = Math.floor((bin * n) / ENTROPY_BINS);
    const to = Math.floor(((bin + 1) * n) / ENTROPY_BINS);
    if (to === from) return null;
    let change = 0;
    for (const i of order.subarray(from, to)) change += current[i]! - base[i]!;
    return change / (to - from);
  });
}

/** Positions by rising entropy; of equal ones the earlier stands higher. */
function byEntropy(entropy: ArrayLike<number>): Uint32Array {
  return Uint32Array.from({ length: entropy.length }, (_, i) => i).sort(
    (a, b) => entropy[a]! - entropy[b]! || b - a,
  );
}

function sameLength(a: ArrayLike<number>, b: ArrayLike<number>): void {
  if (a.length !== b.length) {
    throw new RangeError(
      `Entropies of ${a.length} tokens cannot be compared with those of ${b.length}.`,
    );
  }
}
