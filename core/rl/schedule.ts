/** Learning rates over a run, as transformers' schedulers give them. */

export type Schedule = "constant" | "cosine" | "linear";

export interface ScheduleSettings {
  readonly learningRate: number;
  readonly schedule: Schedule;
  /** Updates of linear warm-up from 0. */
  readonly warmupSteps: number;
}

/**
 * Learning rate of one update: `get_constant_schedule_with_warmup`, `get_linear_schedule_with_warmup` and
 * `get_cosine_schedule_with_warmup` of transformers. With a warm-up the first update's rate is 0, as it is there.
 * @param update number of the update, from 0
 * @param updates in the whole run
 */
export function learningRateAt(
  update: number,
  updates: number,
  { learningRate, schedule, warmupSteps }: ScheduleSettings,
): number {
  if (update < warmupSteps) {
    return learningRate * (update / Math.max(1, warmupSteps));
  }
  if (schedule === "constant") return learningRate;
  const progress = Math.min(
    1,
    (update - warmupSteps) / Math.max(1, updates - warmupSteps),
  );
  return schedule === "linear"
    ? learningRate * (1 - progress)
    : learningRate * 0.5 * (1 + Math.cos(Math.PI * progress));
}
