import { basename, join } from "node:path";
import { type MetricsLine, RUN_FOLDER } from "../../core/run/folder";
import { type EarlierRun, sequencesOf } from "../../core/run/estimate";
import { readMetrics } from "../../core/run/readFolder";
import { runSettings } from "../../core/run/settings";
import type { Run } from "../runs/run";
import { readTail } from "../runs/tail";

/** Steps that are averaged: one alone is noisy. */
const STEPS = 10;

/** The model of a new run. */
export interface ModelFile {
  /** Absolute. */
  readonly path: string;
  readonly bytes: number;
}

export interface NamedEarlierRun extends EarlierRun {
  readonly name: string;
  readonly tokensPerSecond: number;
}

/**
 * The newest run of the embedded trainer with this model that has done a step; undefined where there is none. The model
 * is told by name and size, so that a copy of it counts.
 * @param runs newest first
 */
export async function earlierRun(
  runs: readonly Run[],
  model: ModelFile,
): Promise<NamedEarlierRun | undefined> {
  for (const run of runs) {
    const known = run.description?.model;
    if (
      run.description?.engine !== "embedded" ||
      known?.bytes !== model.bytes ||
      basename(known.path) !== basename(model.path)
    )
      continue;
    const found = await read(run).catch(() => undefined);
    if (found !== undefined) return found;
  }
  return undefined;
}

async function read(run: Run): Promise<NamedEarlierRun | undefined> {
  const parsed = runSettings.safeParse(run.description?.settings);
  if (!parsed.success) return undefined;
  const text = await readTail(join(run.folder, RUN_FOLDER.metrics));
  const lines = readMetrics(text)
    .lines.filter(({ step, step_time }) => step > 0 && (step_time ?? 0) > 0)
    .slice(-STEPS);
  if (lines.length === 0) return undefined;
  const settings = parsed.data;
  const mean = (value: (line: MetricsLine) => number | undefined) =>
    lines.reduce((sum, line) => sum + (value(line) ?? 0), 0) / lines.length;
  const total = mean((line) => line.step_time);
  const rollout = mean((line) => line["step_time/rollout"]);
  const score = mean((line) => line["step_time/score"]);
  const update = mean((line) => line["step_time/update"]);
  if (update <= 0) return undefined;
  const tokensPerSecond = mean((line) => line.tokens_per_second);
  const length = (tokensPerSecond * total) / sequencesOf(settings);
  // Supervised fine-tuning logs no lengths: all of them counts as completion.
  const meanCompletion =
    mean((line) => line["completions/mean_length"]) || length;
  const meanPrompt = Math.max(0, length - meanCompletion);
  return {
    name: run.name,
    settings,
    tokensPerSecond,
    lengths: { meanPrompt, longestPrompt: meanPrompt, meanCompletion },
    times: {
      rollout,
      score,
      update,
      other: Math.max(0, total - rollout - score - update),
    },
  };
}
