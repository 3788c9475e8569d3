/** What the engines share whose trainer is a process on this machine. */
import { existsSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { CancellationToken } from "vscode";
import { isAlive, RUN_FOLDER } from "../../core/run/folder";
import { readStatus } from "../../core/run/readFolder";
import { type TrainerCommand, startTrainer } from "./trainerProcess";
import type { Launch, Resumption } from "./trainingEngine";

/** The command line of a launch, from `train` on. */
export function launchArguments(launch: Launch): string[] {
  return [
    "train",
    launch.runFile,
    "--out",
    launch.folder,
    ...launch.overrides.flatMap(({ field, value }) => [
      "--set",
      `${field}=${value}`,
    ]),
    ...(launch.trustRewards ? ["--trust-rewards"] : []),
  ];
}

/** The command line of a resumption, from `resume` on. */
export function resumeArguments(resumption: Resumption): string[] {
  const { folder, steps, trustRewards } = resumption;
  return [
    "resume",
    folder,
    ...(steps === undefined ? [] : ["--set", `steps=${steps}`]),
    ...(trustRewards ? ["--trust-rewards"] : []),
  ];
}

/**
 * Starts a trainer on this machine, and resolves once its run folder stands with run.json.
 * @throws Error as `startTrainer`
 */
export async function launchHere(
  command: TrainerCommand,
  token: CancellationToken,
  onWords?: (line: string) => void,
): Promise<void> {
  const description = join(command.folder, RUN_FOLDER.run);
  const abort = new AbortController();
  const cancelled = token.onCancellationRequested(() => abort.abort());
  try {
    await startTrainer(
      command,
      () => existsSync(description),
      abort.signal,
      onWords,
    );
  } finally {
    cancelled.dispose();
  }
}

/** Starts a trainer that goes on with a run, and resolves once it is at work. @throws Error as `startTrainer` */
export function resumeHere(command: TrainerCommand): Promise<void> {
  return startTrainer(command, (pid) => isAtWork(command.folder, pid));
}

/** Leaves the request to save and stop in the run folder. */
export async function askToStop(folder: string): Promise<void> {
  await writeFile(join(folder, RUN_FOLDER.stop), "");
}

/** Whether the status is of this process; the trainer also speaks up by failing, which is for the caller's list to show. */
function isAtWork(folder: string, pid: number): boolean {
  try {
    const text = readFileSync(join(folder, RUN_FOLDER.status), "utf8");
    const read = readStatus(text);
    return read.ok && read.value.pid === pid && isAlive(read.value, Date.now());
  } catch {
    return false;
  }
}
