/** Binary searches over ascending columns. */

/**
 * First index of a sorted column whose value is greater than `value`; the column's length where there is none.
 * @param column ascending, without NaN
 */
export function upperBound(column: ArrayLike<number>, value: number): number {
  let low = 0;
  let high = column.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (column[middle]! > value) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** First index of a sorted column whose value is at least `value`; the column's length where there is none. */
export function lowerBound(column: ArrayLike<number>, value: number): number {
  let low = 0;
  let high = column.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (column[middle]! >= value) high = middle;
    else low = middle + 1;
  }
  return low;
}
