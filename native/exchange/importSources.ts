/** What at a path was written by another trainer: looks at names, and reads no more than it must. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { RUN_FOLDER } from "../../core/run/folder";

/** The files of one run. */
export interface Source {
  /** Absolute path that the user named, or the folder in it that holds this run. */
  readonly path: string;
  readonly name: string;
  /** trainer_state.json of transformers and TRL. */
  readonly state: string | undefined;
  /** TensorBoard event files. */
  readonly events: readonly string[];
  /** JSON Lines or CSV with rollouts, each with the step that its name gives. */
  readonly dumps: readonly { readonly file: string; readonly step: number }[];
  /** Tables of completions that cannot be read here. */
  readonly parquets: readonly string[];
  /** transformers' checkpoint-N folders. */
  readonly checkpoints: readonly {
    readonly folder: string;
    readonly step: number;
  }[];
}

const STATE = "trainer_state.json";
const EVENTS = /(^|\.)tfevents\./;
const DUMP = /^(?:completions_)?(\d{1,9})\.(?:jsonl|ndjson|csv)$/;
const PARQUET = /^completions_\d+\.parquet$/;
const TABLE = /\.(?:jsonl|ndjson|csv)$/i;
const CHECKPOINT = /^checkpoint-(\d{1,9})$/;
/** Names that say nothing of a run: the folder above says more. */
const VAGUE =
  /^(?:completions|runs?|logs?|rollouts?|rollout_data|rollout_dumps?|generations|validation|validation_data|tensorboard|tensorboard_log|output|train|checkpoint-\d+)$/i;
/** Folders deep, from the one that was named. */
const DEPTH = 4;
/** A folder of more runs than that is somebody's whole disk. */
const MOST_SOURCES = 200;

/**
 * The runs at a path: a file; a folder that is one run; or the runs in its folders.
 * @throws Error where there is nothing there
 */
export function sourcesAt(path: string): Source[] {
  const at = resolve(path);
  if (!existsSync(at)) throw new Error(`There is no ${at}.`);
  return statSync(at).isDirectory() ? sourcesIn(at, DEPTH) : [sourceOfFile(at)];
}

function sourceOfFile(file: string): Source {
  const folder = dirname(file);
  const name = basename(file);
  if (name === STATE) {
    const source = stateSource(folder);
    if (source !== undefined) return { ...source, path: file };
  }
  if (EVENTS.test(name))
    return { ...nothing(file, nameOf(folder)), events: [file] };
  if (name.endsWith(".parquet"))
    return { ...nothing(file, nameOf(folder)), parquets: [file] };
  if (!TABLE.test(name))
    throw new Error(
      `${file} cannot be imported: trainer_state.json, TensorBoard event files (events.out.tfevents...), and rollouts in .jsonl or .csv can.`,
    );
  const step = Number(DUMP.exec(name)?.[1] ?? 0);
  const stem = name.replace(TABLE, "");
  return {
    ...nothing(file, DUMP.test(name) ? nameOf(folder) : stem),
    dumps: [{ file, step }],
  };
}

function sourcesIn(folder: string, depth: number): Source[] {
  // A run folder of Forksight needs no import.
  if (namesIn(folder).includes(RUN_FOLDER.run)) return [];
  const own = stateSource(folder) ?? filesSource(folder);
  if (own !== undefined) return [own];
  if (depth === 0) return [];
  const found: Source[] = [];
  for (const name of foldersIn(folder)) {
    found.push(...sourcesIn(join(folder, name), depth - 1));
    if (found.length >= MOST_SOURCES) return found.slice(0, MOST_SOURCES);
  }
  return found;
}

/** The output folder of transformers' trainer, or one of its checkpoints. */
function stateSource(folder: string): Source | undefined {
  const names = namesIn(folder);
  const beside = CHECKPOINT.test(basename(folder)) ? dirname(folder) : folder;
  const checkpoints = foldersIn(beside)
    .flatMap((name) => {
      const step = CHECKPOINT.exec(name)?.[1];
      return step === undefined
        ? []
        : [{ folder: join(beside, name), step: Number(step) }];
    })
    .sort((a, b) => a.step - b.step);
  const newest = [...checkpoints]
    .reverse()
    .map((one) => join(one.folder, STATE))
    .find((file) => existsSync(file));
  const state = names.includes(STATE) ? join(folder, STATE) : newest;
  if (state === undefined) return undefined;
  const tables = filesSource(join(beside, "completions"));
  return {
    ...nothing(folder, nameOf(folder)),
    state,
    events: eventsBelow(beside, 3),
    dumps: tables?.dumps ?? [],
    parquets: tables?.parquets ?? [],
    checkpoints,
  };
}

/** A folder with event files or dumps of its own; a run's validation or other loggers stay by themselves. */
function filesSource(folder: string): Source | undefined {
  const names = namesIn(folder);
  const full = (name: string) => join(folder, name);
  const events = names.filter((name) => EVENTS.test(name)).map(full);
  const dumps = names
    .flatMap((name) => {
      const step = DUMP.exec(name)?.[1];
      return step === undefined
        ? []
        : [{ file: full(name), step: Number(step) }];
    })
    .sort((a, b) => a.step - b.step);
  const parquets = names.filter((name) => PARQUET.test(name)).map(full);
  if (events.length + dumps.length + parquets.length === 0) return undefined;
  return { ...nothing(folder, nameOf(folder)), events, dumps, parquets };
}

function eventsBelow(folder: string, depth: number): string[] {
  const own = namesIn(folder)
    .filter((name) => EVENTS.test(name))
    .map((name) => join(folder, name));
  if (depth === 0) return own;
  const below = foldersIn(folder)
    .filter((name) => !CHECKPOINT.test(name))
    .flatMap((name) => eventsBelow(join(folder, name), depth - 1));
  return [...own, ...below];
}

function nothing(path: string, name: string): Source {
  return {
    path,
    name,
    state: undefined,
    events: [],
    dumps: [],
    parquets: [],
    checkpoints: [],
  };
}

function nameOf(folder: string): string {
  const name = basename(folder);
  return VAGUE.test(name) ? `${basename(dirname(folder))}-${name}` : name;
}

function foldersIn(folder: string): string[] {
  return entriesOf(folder)
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .filter((name) => !name.startsWith(".") && name !== "node_modules")
    .sort();
}

function namesIn(folder: string): string[] {
  return entriesOf(folder)
    .filter((entry) => !entry.isDirectory())
    .map(({ name }) => name)
    .sort();
}

/** Nothing of a folder that is not there, or may not be read. */
function entriesOf(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}
