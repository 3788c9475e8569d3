/** What a bench file gives to scripts/bench.mjs, and how it measures. */

/** One row of the table. */
export interface BenchRow {
  readonly what: string;
  /** The figure with its unit. */
  readonly measured: string;
  readonly goal: string;
  readonly met: boolean;
}

/** A bench file exports this by default. */
export interface Bench {
  readonly name: string;
  /** @param say prints a line on what is being done */
  run(say: (line: string) => void): Promise<BenchRow[]>;
}

/** The middle value, or the mean of the two middle ones. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1
    ? sorted[middle]!
    : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Milliseconds that `work` takes. */
export async function milliseconds(
  work: () => Promise<unknown>,
): Promise<number> {
  const before = performance.now();
  await work();
  return performance.now() - before;
}

/** Milliseconds of processor time that `work` takes, over all threads of this process. */
export async function processorMilliseconds(
  work: () => Promise<unknown>,
): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/**
 * Runs the measurements in turn, `rounds` times: what else the machine does then falls on all of them alike.
 * @param measurements each returns its own milliseconds
 * @return the median of each
 */
export async function interleaved(
  rounds: number,
  measurements: readonly (() => Promise<number>)[],
): Promise<number[]> {
  const times: number[][] = measurements.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, measure] of measurements.entries()) {
      times[index]!.push(await measure());
    }
  }
  return times.map(median);
}
