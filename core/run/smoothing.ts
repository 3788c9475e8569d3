/**
 * Exponential moving average without the bias of its start, as TensorBoard has it: s = w s + (1 - w) x, divided by
 * 1 - w^n. Where rows are sampled, a gap of several steps weighs as that many: the curve keeps its shape when rows are
 * read between.
 * @param steps ascending, one a value
 * @param weight 0 (no smoothing) to less than 1
 */
export function smoothed(
  steps: ArrayLike<number>,
  values: ArrayLike<number>,
  weight: number,
): Float64Array {
  const result = new Float64Array(values.length);
  let average = 0;
  let missing = 1;
  for (let i = 0; i < values.length; i++) {
    const gap = i === 0 ? 1 : Math.max(1, steps[i]! - steps[i - 1]!);
    const kept = gap === 1 ? weight : weight ** gap;
    average = kept * average + (1 - kept) * values[i]!;
    missing *= kept;
    result[i] = average / (1 - missing);
  }
  return result;
}
