/** What other trainers logged, as lines of metrics.jsonl. */
import type { MetricsLine } from "../run/folder";
import { isObject } from "../traces/jsonValue";
import type { Scalar } from "./eventFile";
import { FormatError } from "./formatError";

/** verl's names (verl/trainer/ppo/metric_utils.py, workers/actor/dp_actor.py) to those of metrics.jsonl, where they mean the same. */
const VERL_NAMES: ReadonlyMap<string, string> = new Map([
  ["critic/rewards/mean", "reward"],
  ["actor/entropy", "entropy"],
  ["actor/pg_loss", "loss"],
  ["actor/kl_loss", "kl"],
  ["actor/grad_norm", "grad_norm"],
  ["actor/lr", "learning_rate"],
  ["response_length/mean", "completions/mean_length"],
  ["response_length/clip_ratio", "completions/clipped_ratio"],
  ["perf/time_per_step", "step_time"],
  ["timing_s/gen", "step_time/rollout"],
  ["timing_s/old_log_prob", "step_time/score"],
  ["timing_s/update_actor", "step_time/update"],
]);

/** Fields of a line that no logged quantity may take. */
const OWN = ["step", "time"];

/** Whether tags are verl's. */
export function areVerls(tags: Iterable<string>): boolean {
  return [...tags].some((tag) => VERL_NAMES.has(tag));
}

/**
 * Scalars of a run's event files by step, ascending; of two values of one quantity and step the one logged later counts.
 * `train/` before a name is transformers' (`rewrite_logs`) and goes; verl's names become those of metrics.jsonl.
 */
export function metricsOfScalars(scalars: readonly Scalar[]): MetricsLine[] {
  const tags = new Set(scalars.map(({ tag }) => tag));
  const names = new Map([...tags].map((tag) => [tag, nameOf(tag, tags)]));
  const lines = new Map<number, Map<string, number>>();
  for (const { tag, step, time, value } of inTime(scalars)) {
    if (!Number.isSafeInteger(step) || step < 0) continue;
    const line = lines.get(step) ?? new Map<string, number>();
    lines.set(step, line);
    if (Number.isFinite(value)) line.set(names.get(tag)!, value);
    line.set("time", time);
  }
  return linesOf(lines);
}

function inTime(scalars: readonly Scalar[]): Scalar[] {
  return [...scalars].sort((a, b) => a.time - b.time);
}

function nameOf(tag: string, all: ReadonlySet<string>): string {
  const short = VERL_NAMES.get(tag) ?? tag.replace(/^train\//, "");
  const free = short !== "" && (short === tag || !all.has(short));
  const name = free ? short : tag;
  return OWN.includes(name) ? `tensorboard/${name}` : name;
}

/** trainer_state.json, read. */
export interface TrainerState {
  readonly metrics: readonly MetricsLine[];
  /** Steps done, and steps to do. */
  readonly step: number;
  readonly steps: number;
  /** Where the steps' times come from. */
  readonly timedBy: "events" | "step_time" | "nothing";
}

/**
 * trainer_state.json of transformers and TRL. Its names are kept. It has no times: those of the event files are taken,
 * else `step_time` is counted back from the file's own time.
 * @param ended Unix time in seconds at which the file was written
 * @param times Unix time in seconds by step, where event files have it
 * @throws FormatError where it is none
 */
export function readTrainerState(
  json: unknown,
  ended: number,
  times: ReadonlyMap<number, number>,
): TrainerState {
  if (!isObject(json) || !Array.isArray(json["log_history"]))
    throw new FormatError(
      "it is no trainer_state.json: it has no list log_history",
    );
  const lines = new Map<number, Map<string, number>>();
  for (const entry of json["log_history"] as unknown[]) {
    const step = isObject(entry) ? entry["step"] : undefined;
    if (!isObject(entry) || !isStep(step)) continue;
    const line = lines.get(step) ?? new Map<string, number>();
    lines.set(step, line);
    for (const [name, value] of Object.entries(entry))
      if (!OWN.includes(name) && isFinite(value)) line.set(name, value);
  }
  const ascending = [...lines.keys()].sort((a, b) => a - b);
  const last = ascending.at(-1) ?? 0;
  const step = isStep(json["global_step"]) ? json["global_step"] : last;
  const planned = json["max_steps"];
  const timed = ascending.every((one) => times.has(one));
  const estimated = countBack(lines, ascending, ended);
  for (const one of ascending)
    lines.get(one)!.set("time", timed ? times.get(one)! : estimated.get(one)!);
  const byStepTime = [...lines.values()].some((line) => line.has("step_time"));
  return {
    metrics: linesOf(lines),
    step,
    steps: isStep(planned) ? Math.max(planned, step) : step,
    timedBy: timed ? "events" : byStepTime ? "step_time" : "nothing",
  };
}

/** Unix times by step, the last one `ended`; where a step's duration is unknown, it takes none. */
function countBack(
  lines: ReadonlyMap<number, ReadonlyMap<string, number>>,
  ascending: readonly number[],
  ended: number,
): Map<number, number> {
  const times = new Map<number, number>();
  let time = ended;
  for (let i = ascending.length - 1; i >= 0; i--) {
    const step = ascending[i]!;
    times.set(step, time);
    // A line is the mean over the steps since the one before it.
    const since = step - (ascending[i - 1] ?? 0);
    time -= since * Math.max(0, lines.get(step)!.get("step_time") ?? 0);
  }
  return times;
}

/** Whether TRL, and not another trainer of transformers, wrote these lines. */
export function areTrls(metrics: readonly MetricsLine[]): boolean {
  return metrics.some((line) => line.reward !== undefined);
}

function linesOf(
  lines: ReadonlyMap<number, ReadonlyMap<string, number>>,
): MetricsLine[] {
  return [...lines]
    .sort(([a], [b]) => a - b)
    .map(([step, values]) => {
      const { time, ...rest } = Object.fromEntries(values);
      return { step, time: time ?? 0, ...rest };
    });
}

function isStep(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isFinite(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}
