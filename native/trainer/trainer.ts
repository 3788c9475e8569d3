/** The trainer as a whole: from a run file or a run folder to its end. The command line is its only caller. */
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { RunDescription } from "../../core/run/folder";
import { runFolderName } from "../../core/run/names";
import {
  formatRunFileError,
  type Override,
  readRunFile,
  type RunFileError,
} from "../../core/run/runFile";
import { runSettings, type RunSettings } from "../../core/run/settings";
import { heldOutCheck, trainingCheck } from "../../core/tasks/dataSet";
import type { Problem } from "../../core/tasks/problem";
import {
  type BuiltInReward,
  judgeFor,
  type RewardFunction,
} from "../../core/tasks/reward";
import { readProblems } from "./dataSet";
import {
  checkModel,
  checkUnchanged,
  describeRun,
  resolvePaths,
  type Versions,
} from "./describe";
import type { OpenedPolicy } from "./llamaPolicy";
import { lockFolder } from "./lock";
import { runLoop } from "./loop";
import { RewardProcess, rewardProcessOptions } from "./rewardProcess";
import { EngineFailure } from "../engine/failure";
import { messageOf } from "../errorMessage";
import { RunError } from "./runError";
import { RunFolder } from "./runFolder";
import { type Onlooker, StatusBoard } from "./statusBoard";

/** Of a run file that is none, more would only bury the first. */
const NAMED_ERRORS = 5;

/** What the trainer needs of the outside. */
export interface TrainerOptions {
  readonly versions: Versions;
  /** Whether the run file may name a reward of its own, which is a program. */
  readonly trustRewards: boolean;
  readonly onlooker: Onlooker;
  /** Gives up the step under way: what was done before it is saved. */
  readonly abort: AbortSignal;
  /** Whether a stop after the step under way was asked for, beside the folder's own request. */
  readonly stopAsked: () => boolean;
  readonly openPolicy: (
    settings: RunSettings,
    problems: readonly Problem[],
    onProgress: (message: string, done: number) => void,
    signal: AbortSignal,
  ) => Promise<OpenedPolicy>;
}

export type Outcome = "done" | "stopped";

/**
 * Starts a run in a new folder.
 * @param out the folder, made here; undefined: one with the run's name, `.forksight/runs/<name>-<date>`
 * @throws RunError for all that a person can mend
 */
export async function startRun(
  runFile: string,
  out: string | undefined,
  overrides: readonly Override[],
  options: TrainerOptions,
): Promise<{ readonly folder: string; readonly outcome: Outcome }> {
  const path = resolve(runFile);
  const { settings, ignored } = readSettings(path, overrides);
  checkEngine(settings);
  checkTrust(settings, options);
  checkModel(settings.model);
  const { train, evalSets } = readData(settings);
  const description = await describeRun(
    settings,
    path,
    options.versions,
    (file) => options.onlooker.line(`hashing ${file}`),
  );
  const at = resolve(out ?? freshFolder(description.name, new Date()));
  makeFolder(at);
  const unlock = lockFolder(at, undefined);
  try {
    const folder = RunFolder.create(at, description);
    options.onlooker.note(`run folder: ${at}`);
    for (const { field, message } of ignored)
      folder.log(`warning: ${field}: ${message}`);
    const outcome = await trainIn(folder, settings, train, evalSets, options);
    return { folder: at, outcome };
  } finally {
    unlock();
  }
}

/**
 * Goes on with a run where its newest checkpoint left it.
 * @param steps a new number of steps, where the run shall go on beyond its own
 */
export async function resumeRun(
  path: string,
  steps: number | undefined,
  options: TrainerOptions,
): Promise<Outcome> {
  const { folder, description } = RunFolder.open(resolve(path));
  const settings = resumedSettings(description, folder.path, steps);
  checkEngine(settings);
  checkTrust(settings, options);
  const unlock = lockFolder(folder.path, folder.readStatus());
  try {
    const before = Number(description.settings["steps"]);
    if (settings.steps < before)
      throw new RunError(
        `${folder.path} is a run of ${before} steps, and steps=${settings.steps} asks for fewer. Give a larger number to go on beyond its end.`,
      );
    const latest = folder.latestCheckpoint();
    const recorded = folder.recordedSteps();
    if (recorded > 0 && latest === undefined)
      throw new RunError(
        `${folder.path} has no checkpoint that can be read, and to begin anew would lose the ${recorded} steps in metrics.jsonl. Put its checkpoints back, or train the run file into a new folder.`,
      );
    if (
      folder.readStatus()?.state === "done" &&
      latest?.state.step === settings.steps
    )
      options.onlooker.note(
        `all ${settings.steps} steps are done; --set steps=N goes on beyond them`,
      );
    await checkUnchanged(description, (file) =>
      options.onlooker.line(`hashing ${file}`),
    );
    const { train, evalSets } = readData(settings);
    if (steps !== undefined)
      folder.replaceDescription({ ...description, settings });
    return await trainIn(folder, settings, train, evalSets, options);
  } finally {
    unlock();
  }
}

async function trainIn(
  folder: RunFolder,
  settings: RunSettings,
  train: readonly Problem[],
  evalSets: ReadonlyMap<string, readonly Problem[]>,
  options: TrainerOptions,
): Promise<Outcome> {
  const { onlooker, abort } = options;
  const board = new StatusBoard(
    folder,
    onlooker,
    settings.steps,
    stepsDone(folder),
  );
  let policy: OpenedPolicy["policy"] | undefined;
  let own: RewardProcess | undefined;
  folder.clearStop();
  board.start();
  try {
    const problems = [...train, ...[...evalSets.values()].flat()];
    const opened = await options.openPolicy(
      settings,
      problems,
      (message, done) => board.doing("load", message, done),
      abort,
    );
    policy = opened.policy;
    for (const remark of opened.remarks) folder.log(remark);
    const program = rewardProcessOptions(settings.reward, problems, (text) =>
      folder.log(text),
    );
    if (program) own = await RewardProcess.start(program);
    const outcome = await runLoop({
      settings,
      folder,
      policy,
      train,
      evalSets,
      reward: rewardOf(settings, own),
      board,
      onlooker,
      abort,
      stopRequested: () => options.stopAsked() || folder.stopRequested(),
    });
    finish(outcome);
    return outcome;
  } catch (error) {
    if (abort.aborted) {
      finish("stopped");
      return "stopped";
    }
    const message = messageOf(error);
    folder.log(
      `failed: ${isForPeople(error) ? message : String((error as Error).stack ?? error)}`,
    );
    board.end("failed", message);
    throw error;
  } finally {
    own?.close();
    policy?.free();
  }

  function finish(outcome: Outcome): void {
    folder.clearStop();
    folder.log(outcome);
    board.end(outcome, outcome === "done" ? "done" : "stopped; can be resumed");
  }
}

/** Whether an error says all that a person needs; of others the log has the stack. */
function isForPeople(error: unknown): boolean {
  return error instanceof RunError || error instanceof EngineFailure;
}

function readSettings(
  path: string,
  overrides: readonly Override[],
): { settings: RunSettings; ignored: readonly RunFileError[] } {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new RunError(`The run file cannot be read: ${messageOf(error)}.`);
  }
  if (text.includes("\0"))
    throw new RunError(`${path} is no run file: it is not text.`);
  const read = readRunFile(text, overrides);
  if (read.ok)
    return {
      settings: resolvePaths(read.settings, path),
      ignored: read.ignored,
    };
  const shown = read.errors
    .slice(0, NAMED_ERRORS)
    .map((error) => formatRunFileError(path, error));
  const left = read.errors.length - shown.length;
  throw new RunError(shown.join("; ") + (left > 0 ? `; and ${left} more` : ""));
}

function stepsDone(folder: RunFolder): number {
  return folder.latestCheckpoint()?.state.step ?? 0;
}

function resumedSettings(
  description: RunDescription,
  folder: string,
  steps: number | undefined,
): RunSettings {
  if (description.engine !== "embedded") {
    throw new RunError(
      `${folder} is a run of ${description.engine}, not of the embedded trainer: resume it there.`,
    );
  }
  const checked = runSettings.safeParse({
    ...description.settings,
    ...(steps !== undefined && { steps }),
  });
  if (checked.success) return checked.data;
  const issue = checked.error.issues[0]!;
  throw new RunError(
    `The settings in ${folder}/run.json do not hold: ${issue.path.join(".")}: ${issue.message}`,
  );
}

function checkEngine({ engine }: RunSettings): void {
  if (engine !== "embedded") {
    throw new RunError(
      `This run is for the engine "${engine}", and this command is the engine "embedded". Launch it from the editor, or give --set engine=embedded.`,
    );
  }
}

function makeFolder(out: string): void {
  try {
    mkdirSync(out, { recursive: true });
  } catch (error) {
    const problem =
      (error as NodeJS.ErrnoException).code === "EEXIST"
        ? `${out} is a file, and a run needs a folder`
        : `The run folder cannot be made: ${messageOf(error)}`;
    throw new RunError(`${problem}. Name a new folder with --out.`);
  }
}

function checkTrust(
  { reward }: RunSettings,
  { trustRewards }: TrainerOptions,
): void {
  const own = reward.kind === "javascript" || reward.kind === "python";
  if (own && !trustRewards) {
    throw new RunError(
      `The run file names a program of its own as the reward (${reward.file}). Read it, then add --trust-rewards to let it run.`,
    );
  }
}

function readData(settings: RunSettings): {
  train: Problem[];
  evalSets: Map<string, Problem[]>;
} {
  const { data, eval: evaluation } = settings;
  const evalSets = new Map<string, Problem[]>();
  for (const [name, path] of Object.entries(data.eval)) {
    const problems = readProblems(path, heldOutCheck(settings));
    evalSets.set(name, problems.slice(0, evaluation.limit));
  }
  return { train: readProblems(data.train, trainingCheck(settings)), evalSets };
}

function rewardOf(
  { reward }: RunSettings,
  own: RewardProcess | undefined,
): RewardFunction {
  if (own) return (completions, signal) => own.score(completions, signal);
  const kind = reward.kind as BuiltInReward;
  return (completions) =>
    Promise.resolve(
      completions.map(({ problem, text }) => judgeFor(kind, problem)(text)),
    );
}

/** A folder for a run that was not given one, under the working directory, not there yet. */
function freshFolder(name: string, now: Date): string {
  const stem = runFolderName(name, now);
  for (let n = 1; ; n++) {
    const folder = resolve(
      ".forksight",
      "runs",
      n === 1 ? stem : `${stem}-${n}`,
    );
    if (!existsSync(folder)) return folder;
  }
}
