/** A run folder to a snapshot. Nothing here throws on what a folder holds: it may come from anywhere. */
import { stat } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, join } from "node:path";
import { DIVERGENCE_STEPS, divergenceOf } from "../../core/run/divergence";
import {
  HEARTBEAT_PERIOD,
  isAlive,
  isLiveState,
  type MetricsLine,
  RUN_FOLDER,
  type RunStatus,
} from "../../core/run/folder";
import {
  type Read,
  readDescription,
  readMetrics,
  readStatus,
} from "../../core/run/readFolder";
import { isProcess } from "../../native/client/liveProcess";
import type { Run, ShownState } from "./run";
import { LARGEST_JSON, readRegular } from "./regularFile";
import { readTail } from "./tail";

/** Where a run lies among the others. */
export interface FoundRun {
  readonly folder: string;
  readonly group?: string;
}

/** What a status is judged by. */
export interface Surroundings {
  /** Unix time, milliseconds. */
  readonly now: number;
  readonly host: string;
  readonly isProcess: (pid: number) => boolean;
}

/** This machine, now. */
export function surroundings(): Surroundings {
  return { now: Date.now(), host: hostname(), isProcess };
}

/** Reads run.json, status.json and the end of metrics.jsonl. Never throws. */
export async function readRun(
  { folder, group }: FoundRun,
  around = surroundings(),
): Promise<Run> {
  const place = { folder, ...(group !== undefined && { group }) };
  const description = await readJson(folder, RUN_FOLDER.run, readDescription);
  if (description === undefined || !description.ok) {
    const problem = description?.message ?? (await missing(folder));
    return { ...place, name: basename(folder), state: "unreadable", problem };
  }
  const { value } = description;
  const name = value.name || basename(folder);
  const run = { ...place, name, description: value };
  const status = await readJson(folder, RUN_FOLDER.status, readStatus);
  const lines = await readLast(folder);
  const latest = lines.at(-1);
  const known = { ...run, ...(latest && { latest }) };
  if (status === undefined) return { ...known, ...(await without(folder)) };
  if (!status.ok)
    return { ...known, state: "unreadable", problem: status.message };
  const state = stateOf(status.value, around);
  return {
    ...known,
    state,
    status: status.value,
    ...(state === "failed" && { problem: status.value.message }),
    ...(isLiveState(state) && (await liveFacts(folder, lines))),
  };
}

/**
 * What a status means here and now. A process id counts only on its own host, and only once a heartbeat is overdue:
 * containers share a host's name and not its processes.
 */
export function stateOf(
  status: RunStatus,
  { now, host, isProcess }: Surroundings,
): ShownState {
  if (!isLiveState(status.state)) return status.state;
  if (!isAlive(status, now)) return "interrupted";
  const overdue = now - Date.parse(status.heartbeat) > HEARTBEAT_PERIOD;
  const gone =
    overdue &&
    status.host === host &&
    status.pid !== undefined &&
    !isProcess(status.pid);
  return gone ? "interrupted" : status.state;
}

/** Changes whenever one of the files that `readRun` reads does. Never throws. */
export async function fingerprint(folder: string): Promise<string> {
  const { run, status, metrics, stop } = RUN_FOLDER;
  const names = [run, status, metrics, stop];
  const marks = await Promise.all(
    names.map((name) =>
      stat(join(folder, name)).then(
        ({ mtimeMs, size, ino }) => `${mtimeMs} ${size} ${ino}`,
        () => "-",
      ),
    ),
  );
  return marks.join(", ");
}

/** Why there is no run.json. */
async function missing(folder: string): Promise<string> {
  const isThere = await stat(folder).then(
    () => true,
    () => false,
  );
  return isThere ? `${RUN_FOLDER.run} is missing` : "its folder is gone";
}

/** A run that has written no status is just being started, unless it was written long ago. */
async function without(
  folder: string,
): Promise<Pick<Run, "state" | "problem">> {
  const age = await stat(join(folder, RUN_FOLDER.run)).then(
    ({ mtimeMs }) => Date.now() - mtimeMs,
    () => Infinity,
  );
  return age < HEARTBEAT_PERIOD
    ? { state: "preparing" }
    : { state: "interrupted", problem: `${RUN_FOLDER.status} is missing` };
}

/** The last lines of metrics, oldest first, without what is no such line. */
async function readLast(folder: string): Promise<readonly MetricsLine[]> {
  try {
    const tail = await readTail(join(folder, RUN_FOLDER.metrics));
    // Each line ends with a line break, so the split has an empty part at its end.
    const last = tail.split("\n").slice(-1 - DIVERGENCE_STEPS);
    return readMetrics(last.join("\n")).lines;
  } catch {
    return [];
  }
}

async function liveFacts(
  folder: string,
  lines: readonly MetricsLine[],
): Promise<Pick<Run, "isStopping" | "divergence">> {
  const divergence = divergenceOf(lines);
  const isStopping = await stat(join(folder, RUN_FOLDER.stop)).then(
    () => true,
    () => false,
  );
  return { isStopping, ...(divergence && { divergence }) };
}

/** undefined where the file is not there. */
async function readJson<T>(
  folder: string,
  name: string,
  read: (text: string) => Read<T>,
): Promise<Read<T> | undefined> {
  const file = join(folder, name);
  const failed = (what: string): Read<T> => ({
    ok: false,
    message: `${name}: ${what}`,
  });
  try {
    const result = read(await readRegular(file, LARGEST_JSON));
    return result.ok ? result : failed(result.message);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    return failed((error as Error).message);
  }
}
