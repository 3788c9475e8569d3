/** Reads the files of another trainer's run. */
import { existsSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { readCsv } from "../../core/exchange/csv";
import { readEventFile, type Scalar } from "../../core/exchange/eventFile";
import { FormatError } from "../../core/exchange/formatError";
import {
  type ImportedFrom,
  type ImportedRun,
  rolloutNotes,
} from "../../core/exchange/importedRun";
import {
  areTrls,
  areVerls,
  metricsOfScalars,
  readTrainerState,
  type TrainerState,
} from "../../core/exchange/loggedMetrics";
import { PEFT_FOLDER } from "../../core/exchange/peft";
import {
  metricsOfRollouts,
  readRolloutDump,
  type RolloutDump,
} from "../../core/exchange/rolloutDump";
import type { MetricsLine, RolloutLine } from "../../core/run/folder";
import { isObject } from "../../core/traces/jsonValue";
import { parseJsonBytes } from "../../core/traces/parseJson";
import type { Source } from "./importSources";

/** Node reads no more into one buffer. */
const LARGEST = 2 ** 31 - 1;
/** A text that is read as one. */
const LONGEST_TEXT = 2 ** 28;
const LINE_FEED = 10;

type Told = Omit<RolloutDump, "steps">;

/** A checkpoint's LoRA adapter in PEFT's format. */
export interface PeftCheckpoint {
  readonly folder: string;
  readonly step: number;
}

export interface ReadSource {
  readonly run: ImportedRun;
  readonly adapters: readonly PeftCheckpoint[];
}

/** Takes the rollouts of a step as they are read, so that not all are in memory at once; of one step perhaps several times. */
export type KeepRollouts = (
  step: number,
  lines: readonly RolloutLine[],
) => void;

/**
 * @throws Error that names the file and what is wrong with it, or what to do with one that cannot be read here
 */
export function readSource(source: Source, keep: KeepRollouts): ReadSource {
  const notes: string[] = [];
  const scalars = source.events.flatMap((file) => eventsOf(file, notes));
  const state =
    source.state === undefined
      ? undefined
      : stateOf(source.state, timesOf(scalars), notes);
  const { rollouts, told, byRollouts } = readDumps(source, keep, notes);
  for (const file of source.parquets)
    if (!hasTwin(file, source)) notes.push(parquetNote(file));
  const logged = state?.metrics ?? metricsOfScalars(scalars);
  const metrics = logged.length > 0 ? logged : byRollouts;
  if (logged.length === 0 && metrics.length > 0)
    notes.push("Rewards are means over the dumped rollouts.");
  if (metrics.length === 0 && rollouts.size === 0)
    throw new Error(nothingIn(source, notes));
  const adapters = source.checkpoints.filter(({ folder }) =>
    existsSync(join(folder, PEFT_FOLDER.weights)),
  );
  if (adapters.length < source.checkpoints.length)
    notes.push(
      `Checkpoints without a LoRA adapter, left where they are: ${source.checkpoints.length - adapters.length} of ${source.checkpoints.length}.`,
    );
  const last = Math.max(metrics.at(-1)?.step ?? 0, ...rollouts);
  const step = state?.step ?? last;
  return {
    adapters,
    run: {
      from: fromOf(scalars, state, told),
      name: source.name,
      source: source.path,
      ended: endOf(source),
      metrics,
      rollouts,
      step,
      steps: state?.steps ?? step,
      model: adapters.map(({ folder }) => baseOf(folder)).find(Boolean),
      notes: [...rolloutNotes(told), ...notes],
    },
  };
}

function fromOf(
  scalars: readonly Scalar[],
  state: TrainerState | undefined,
  dumps: readonly Told[],
): ImportedFrom {
  if (state !== undefined)
    return areTrls(state.metrics) || dumps.length > 0 ? "trl" : "transformers";
  const [first] = dumps;
  if (first !== undefined) return first.of;
  return areVerls(scalars.map(({ tag }) => tag)) ? "verl" : "tensorboard";
}

/** Dump by dump: what is told of each, and a line of metrics for each of its steps. */
function readDumps(source: Source, keep: KeepRollouts, notes: string[]) {
  const rollouts = new Set<number>();
  const told: Told[] = [];
  const byRollouts: MetricsLine[] = [];
  for (const { file, step } of source.dumps) {
    const dump = dumpOf(file, step, notes);
    if (dump === undefined) continue;
    const { steps, ...rest } = dump;
    told.push(rest);
    for (const [at, lines] of steps) {
      keep(at, lines);
      if (!rollouts.has(at))
        byRollouts.push(metricsOfRollouts(at, timeOf(file), lines));
      rollouts.add(at);
    }
  }
  byRollouts.sort((a, b) => a.step - b.step);
  return { rollouts, told, byRollouts };
}

function eventsOf(file: string, notes: string[]): readonly Scalar[] {
  const { scalars, torn } = naming(file, () => readEventFile(readWhole(file)));
  if (torn)
    notes.push(
      `${basename(file)} is cut off in its last record: what stands before that was read.`,
    );
  return scalars;
}

function stateOf(
  file: string,
  times: ReadonlyMap<number, number>,
  notes: string[],
): TrainerState {
  const state = naming(file, () =>
    readTrainerState(jsonOf(readWhole(file)), timeOf(file), times),
  );
  if (state.timedBy === "step_time")
    notes.push(
      "Times are counted back from that of trainer_state.json by step_time.",
    );
  if (state.timedBy === "nothing")
    notes.push("trainer_state.json has no times: all steps have its own.");
  return state;
}

function jsonOf(bytes: Uint8Array): unknown {
  const parsed = parseJsonBytes(bytes, true);
  if (parsed.kind === "value") return parsed.value;
  throw new FormatError(parsed.message.replace(/\.$/, ""));
}

function timesOf(scalars: readonly Scalar[]): Map<number, number> {
  const times = new Map<number, number>();
  for (const { step, time } of scalars)
    times.set(step, Math.max(time, times.get(step) ?? 0));
  return times;
}

function dumpOf(
  file: string,
  step: number,
  notes: string[],
): RolloutDump | undefined {
  const rows = /\.csv$/i.test(file)
    ? naming(file, () => readCsv(textOf(readWhole(file, LONGEST_TEXT))))
    : jsonLines(file, notes);
  const dump = readRolloutDump(rows, step);
  if (dump === undefined)
    notes.push(
      `${basename(file)} holds no rollouts: verl's have input and output, TRL's prompt and completion.`,
    );
  return dump;
}

function jsonLines(file: string, notes: string[]): unknown[] {
  const bytes = naming(file, () => readWhole(file));
  const rows: unknown[] = [];
  let bad = 0;
  for (let from = 0; from < bytes.length;) {
    const found = bytes.indexOf(LINE_FEED, from);
    const end = found < 0 ? bytes.length : found;
    const line = bytes.subarray(from, end);
    from = end + 1;
    if (line.every((byte) => byte <= 0x20)) continue;
    const parsed = parseJsonBytes(line, found < 0);
    if (parsed.kind === "value") rows.push(parsed.value);
    else bad++;
  }
  if (bad > 0)
    notes.push(
      `Lines of ${basename(file)} left out, as they are no JSON: ${bad}.`,
    );
  return rows;
}

/** Whether the same table is there in a format that can be read. */
function hasTwin(parquet: string, source: Source): boolean {
  const stem = parquet.replace(/\.parquet$/, ".");
  return source.dumps.some(({ file }) => file.startsWith(stem));
}

function parquetNote(file: string): string {
  return `${basename(file)} is Parquet, which Forksight does not read; make it JSON Lines with pandas and import again: pandas.read_parquet("${basename(file)}").to_json("${basename(file).replace(/parquet$/, "jsonl")}", orient="records", lines=True).`;
}

function nothingIn(source: Source, notes: readonly string[]): string {
  const what = `${source.path} holds no metrics and no rollouts.`;
  return [what, ...notes].join(" ");
}

function baseOf(folder: string): string | undefined {
  const file = join(folder, PEFT_FOLDER.config);
  if (!existsSync(file)) return undefined;
  const config = naming(file, () => jsonOf(readWhole(file)));
  const base = isObject(config) ? config["base_model_name_or_path"] : undefined;
  return typeof base === "string" && base !== "" ? base : undefined;
}

/** Unix time in seconds. */
function timeOf(file: string): number {
  return statSync(file).mtimeMs / 1000;
}

function endOf({ state, events, dumps }: Source): number {
  const files = [...events, ...dumps.map(({ file }) => file)];
  if (state !== undefined) files.push(state);
  return files.reduce((latest, file) => Math.max(latest, timeOf(file)), 0);
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new FormatError("it is not UTF-8");
  }
}

function readWhole(path: string, most = LARGEST): Uint8Array {
  const { size } = statSync(path);
  if (size > most)
    throw new FormatError(
      `it has ${size} bytes, and at most ${most} can be read: split it`,
    );
  return readFileSync(path);
}

/** What is wrong with a file, under its name. */
function naming<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof FormatError)
      throw new Error(`${path} cannot be imported: ${error.message}.`);
    throw error;
  }
}
