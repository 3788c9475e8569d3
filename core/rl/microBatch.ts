/** Splitting a mini-batch into micro-batches of sequences of like length, so that padding costs little. */

/**
 * Sequences sorted by length, cut into micro-batches whose padded size (longest x count) stays within `maxTokens`. A
 * sequence longer than that stands alone.
 *
 * @param lengths tokens of each sequence, prompt included
 * @param maxTokens padded tokens of one micro-batch
 * @returns indices of the sequences of each micro-batch; every sequence once, the longest first (so that memory peaks at
 *   the start, not in the middle of a step)
 * @throws RangeError where maxTokens is not at least 1
 */
export function planMicroBatches(
  lengths: ArrayLike<number>,
  maxTokens: number,
): number[][] {
  if (!(maxTokens >= 1)) {
    throw new RangeError(
      `A micro-batch needs at least one token, not ${maxTokens}.`,
    );
  }
  const order = Array.from({ length: lengths.length }, (_, i) => i).sort(
    (a, b) => lengths[b]! - lengths[a]! || a - b,
  );
  const plan: number[][] = [];
  let current: number[] = [];
  for (const index of order) {
    // Sorted by falling length: the first of a micro-batch is its longest.
    const longest = lengths[current[0] ?? index]!;
    if (current.length > 0 && longest * (current.length + 1) > maxTokens) {
      plan.push(current);
      current = [];
    }
    current.push(index);
  }
  if (current.length > 0) plan.push(current);
  return plan;
}
