/** Other trainers' runs become run folders of ours. Their own files are only read. */
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import {
  descriptionOf,
  isImported,
  linesText,
  statusOf,
} from "../../core/exchange/importedRun";
import { PEFT_FOLDER } from "../../core/exchange/peft";
import {
  checkpointName,
  rolloutsName,
  RUN_FOLDER,
} from "../../core/run/folder";
import { safeName } from "../../core/run/names";
import { readDescription } from "../../core/run/readFolder";
import { isProcess } from "../client/liveProcess";
import { type Source, sourcesAt } from "./importSources";
import { type KeepRollouts, type ReadSource, readSource } from "./readSource";

/** Before the process id, in the name of the folder that an import works in. */
const SCRATCH = ".importing-";
/** Lines made into one text, which has a limit. */
const LINES_AT_ONCE = 256;

/** What was made of one run. */
export interface Imported {
  /** Absolute path of the run folder. */
  readonly folder: string;
  readonly steps: number;
  /** Steps with rollouts. */
  readonly rollouts: number;
  /** Checkpoints with an adapter. */
  readonly checkpoints: number;
  readonly notes: readonly string[];
}

/** A run that could not be read. */
export interface NotImported {
  readonly source: string;
  /** Names the file, and says what to do. */
  readonly message: string;
}

/**
 * Imports what is at `path`; a run that was imported before is replaced as a whole.
 * @param out folder in which the run folders are made
 * @throws Error where nothing there can be imported
 */
export function importRuns(
  path: string,
  out: string,
  version: string,
): { imported: Imported[]; failed: NotImported[] } {
  const imported: Imported[] = [];
  const failed: NotImported[] = [];
  for (const source of sourcesAt(path)) {
    try {
      imported.push(importOne(source, resolve(out), version));
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      failed.push({ source: source.path, message });
    }
  }
  if (imported.length > 0) return { imported, failed };
  throw new Error(
    failed[0]?.message ??
      `Nothing in ${resolve(path)} can be imported: a trainer_state.json, TensorBoard event files (events.out.tfevents...), or rollouts of verl (N.jsonl) or TRL (completions_N.jsonl or .csv) are looked for.`,
  );
}

function importOne(source: Source, out: string, version: string): Imported {
  const name = freeName(out, safeName(source.name), source.path);
  const folder = join(out, name);
  removeAbandoned(out);
  // A folder deeper than runs are looked for, so that no half one shows.
  const scratch = join(out, `${SCRATCH}${process.pid}`);
  const fresh = join(scratch, name);
  const old = join(scratch, "old");
  let read: ReadSource;
  try {
    mkdirSync(join(fresh, RUN_FOLDER.rollouts), { recursive: true });
    mkdirSync(join(fresh, RUN_FOLDER.checkpoints));
    read = readSource(source, keeperOf(join(fresh, RUN_FOLDER.rollouts)));
    const { run, adapters } = read;
    const write = (file: string, text: string) =>
      writeFileSync(join(fresh, file), text);
    const asJson = (value: object) => `${JSON.stringify(value, null, 2)}\n`;
    write(RUN_FOLDER.run, asJson(descriptionOf(run, version)));
    write(RUN_FOLDER.status, asJson(statusOf(run)));
    write(RUN_FOLDER.metrics, linesText(run.metrics));
    for (const { folder: from, step } of adapters) {
      const to = join(fresh, RUN_FOLDER.checkpoints, checkpointName(step));
      mkdirSync(to);
      for (const file of Object.values(PEFT_FOLDER))
        cpSync(join(from, file), join(to, file));
    }
    if (existsSync(folder)) renameSync(folder, old);
    renameSync(fresh, folder);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
    removeIfEmpty(out);
  }
  const { run, adapters } = read;
  return {
    folder,
    steps: run.step,
    rollouts: run.rollouts.size,
    checkpoints: adapters.length,
    notes: run.notes,
  };
}

/** Appends to a step's file; groups of a second dump of the step are numbered on. */
function keeperOf(folder: string): KeepRollouts {
  const groups = new Map<number, number>();
  return (step, lines) => {
    const shift = groups.get(step) ?? 0;
    const numbered = lines.map((one) => ({
      ...one,
      group: one.group + shift,
    }));
    groups.set(step, (numbered.at(-1)?.group ?? -1) + 1);
    const file = join(folder, rolloutsName(step));
    for (let i = 0; i < numbered.length; i += LINES_AT_ONCE)
      appendFileSync(file, linesText(numbered.slice(i, i + LINES_AT_ONCE)));
  };
}

/** What imports left that were killed. */
function removeAbandoned(out: string): void {
  if (!existsSync(out)) return;
  for (const name of readdirSync(out)) {
    if (!name.startsWith(SCRATCH)) continue;
    const pid = Number(name.slice(SCRATCH.length));
    if (pid === process.pid || !isProcess(pid))
      rmSync(join(out, name), { recursive: true, force: true });
  }
}

function removeIfEmpty(folder: string): void {
  if (readdirSync(folder).length === 0) rmdirSync(folder);
}

/** A name that is free, or that an earlier import of the same source has. */
function freeName(out: string, name: string, source: string): string {
  for (let n = 1; ; n++) {
    const candidate = n === 1 ? name : `${name}-${n}`;
    const folder = join(out, candidate);
    if (!existsSync(folder) || isImportOf(folder, source)) return candidate;
  }
}

function isImportOf(folder: string, source: string): boolean {
  try {
    const text = readFileSync(join(folder, RUN_FOLDER.run), "utf8");
    const read = readDescription(text);
    return (
      read.ok && isImported(read.value.engine) && read.value.runFile === source
    );
  } catch {
    return false;
  }
}
