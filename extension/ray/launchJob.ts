/** Jobs of the engine "Ray cluster": started, gone on with, stopped. Nothing of VS Code here. */
import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import path from "node:path";
import {
  checkpointName,
  RUN_FOLDER,
  type RunDescription,
  type RunStatus,
  stepOfName,
} from "../../core/run/folder";
import { runNameOf, safeName } from "../../core/run/names";
import { readDescription } from "../../core/run/readFolder";
import {
  formatRunFileError,
  type Override,
  readRunFile,
} from "../../core/run/runFile";
import { mapPaths } from "../../core/run/runPaths";
import type { RunSettings } from "../../core/run/settings";
import { pause } from "./follower";
import { hashed, packJob, planFiles } from "./jobPackage";
import { isOver, type JobsClient, type Submission } from "./jobsClient";
import { JobsError } from "./jobsError";
import { readRayState, replaceFile, writeRayState } from "./rayState";

/** The job's command; it finds its order in the environment. */
const ENTRYPOINT = "python -m forksight_trl.ray_job";
const ORDER = "FORKSIGHT_JOB";

/** Milliseconds before the second try of a submission, and before the third. */
const AGAIN = [1000, 3000];

/** Milliseconds that a request to stop may take until the job is ended from outside. */
const STOP_LIMIT = 75_000;

/** A checkpoint that a run can go on from holds this, beside the adapter. */
const STATE_FILE = "forksight_state.json";

/** Where jobs go. */
export interface JobPlace {
  readonly client: JobsClient;
  /** Folder that all nodes of the cluster see; empty for none. */
  readonly storage: string;
  /** Requirements that the job's environment gets. */
  readonly pip: readonly string[];
  /** Folder that holds forksight_trl. */
  readonly pythonSource: string;
  /** Forksight's version. */
  readonly version: string;
  readonly log: (line: string) => void;
}

/** What forksight_trl.ray_job reads (`Order`). */
interface Order {
  readonly job: string;
  readonly storage: string;
  readonly resume: boolean;
  readonly since: number;
  readonly steps: number | null;
  readonly trust_rewards: boolean;
}

export interface JobLaunch {
  readonly runFile: string;
  /** New. */
  readonly folder: string;
  readonly overrides: readonly Override[];
  readonly trustRewards: boolean;
}

/**
 * Makes the run folder and submits its job. Where that fails, or is given up, no folder is left.
 * @throws Error in words for a person; the signal's reason where that fires
 */
export async function launchJob(
  { runFile, folder, overrides, trustRewards }: JobLaunch,
  place: JobPlace,
  signal: AbortSignal,
): Promise<void> {
  const read = readRunFile(await readFile(runFile, "utf8"), overrides);
  if (!read.ok)
    throw new Error(
      formatRunFileError(path.basename(runFile), read.errors[0]!),
    );
  const absolute = mapPaths(read.settings, (one) =>
    path.resolve(path.dirname(runFile), one),
  );
  const files = await planFiles(absolute, read.settings);
  for (const one of files.remote)
    place.log(`${one} is not uploaded: the cluster must have it there`);
  // A model's name on the Hub is none of a path.
  const settings =
    files.settings.model === read.settings.model
      ? { ...absolute, model: read.settings.model }
      : absolute;
  const description = await describe(settings, runFile, place);
  const packed = await packJob(files, place.pythonSource);
  signal.throwIfAborted();
  const job = newJobName(description.name);
  const storage =
    place.storage === "" ? "" : `${place.storage.replace(/\/+$/, "")}/${job}`;
  const uri = await place.client.uploadPackage(
    packed.pieces,
    packed.hash,
    signal,
  );
  await mkdir(folder, { recursive: true });
  try {
    for (const one of [RUN_FOLDER.rollouts, RUN_FOLDER.checkpoints])
      await mkdir(path.join(folder, one), { recursive: true });
    // Noted before it is asked for: a window that goes away now leaves a job that the next one finds.
    await writeRayState(folder, {
      format: 1,
      address: place.client.cluster.address,
      job,
      package: uri,
      storage,
      sequence: 0,
      over: false,
    });
    await submit(
      place,
      {
        job,
        storage,
        resume: false,
        since: 0,
        steps: null,
        trust_rewards: trustRewards,
      },
      uri,
      signal,
    );
    await writeStatus(folder, settings.steps, 0);
    await replaceFile(
      path.join(folder, RUN_FOLDER.run),
      `${JSON.stringify(description, null, 2)}\n`,
    );
  } catch (error) {
    // What was asked for may have been heard.
    await place.client.stop(job).catch(() => undefined);
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

/**
 * Submits a new job that goes on with a run whose job is over: from the folder on the cluster where that has one, else from
 * the newest checkpoint that came here.
 * @throws Error in words for a person
 */
export async function resumeJob(
  folder: string,
  steps: number | undefined,
  trustRewards: boolean,
  place: JobPlace,
): Promise<void> {
  const before = await readRayState(folder);
  const { client } = place;
  if (!before.over && !isOver(await client.info(before.job)))
    throw new Error(
      `The job ${before.job} is still at work on ${before.address}: its state will be here once this window follows it. Stop it first.`,
    );
  const file = path.join(folder, RUN_FOLDER.run);
  const read = readDescription(await readFile(file, "utf8"));
  if (!read.ok) throw new Error(`${file} is damaged: ${read.message}.`);
  const settings = read.value.settings as unknown as RunSettings;
  const files = await planFiles(settings, settings);
  const resumed =
    before.storage === "" ? await resumedFiles(folder) : undefined;
  const packed = await packJob(files, place.pythonSource, resumed);
  const uri = await client.uploadPackage(packed.pieces, packed.hash);
  const job = newJobName(read.value.name);
  await writeRayState(folder, {
    ...before,
    address: client.cluster.address,
    job,
    package: uri,
    sequence: 0,
    over: false,
  });
  const since = await lastStep(folder);
  try {
    await submit(
      place,
      {
        job,
        storage: before.storage,
        resume: true,
        since,
        steps: steps ?? null,
        trust_rewards: trustRewards,
      },
      uri,
    );
  } catch (error) {
    await client.stop(job).catch(() => undefined);
    await writeRayState(folder, { ...before, over: true });
    throw error;
  }
  await writeStatus(folder, steps ?? settings.steps, since);
}

/**
 * Asks the job to save and stop, by a job of its own; where that finds nobody, ends it from outside. Asked again, ends it
 * at once.
 */
export async function stopJob(
  folder: string,
  client: JobsClient,
  signal: AbortSignal,
): Promise<void> {
  const { job, package: workingDir } = await readRayState(folder);
  const state = await client.info(job);
  if (isOver(state)) return;
  const id = `${job}-stop`;
  const asked = await client.info(id).catch(() => undefined);
  if (state.status === "PENDING" || asked !== undefined)
    return client.stop(job);
  const order: Partial<Order> = { job };
  try {
    await client.submit({
      id,
      entrypoint: `${ENTRYPOINT} stop`,
      workingDir,
      pip: [],
      environment: { [ORDER]: JSON.stringify(order) },
      metadata: { forksight: "stop" },
    });
    const limit = AbortSignal.any([signal, AbortSignal.timeout(STOP_LIMIT)]);
    while (!limit.aborted) {
      const info = await client.info(id);
      if (info.status === "SUCCEEDED") return;
      if (isOver(info)) break;
      await pause(1000, limit);
    }
  } catch (error) {
    if (error instanceof JobsError && error.failure === "unreachable")
      throw error;
  }
  await client.stop(job);
}

async function submit(
  place: JobPlace,
  order: Order,
  workingDir: string,
  signal?: AbortSignal,
): Promise<void> {
  const submission: Submission = {
    id: order.job,
    entrypoint: ENTRYPOINT,
    workingDir,
    pip: place.pip,
    environment: {
      [ORDER]: JSON.stringify(order),
      PYTHONUNBUFFERED: "1",
      PYTHONUTF8: "1",
    },
    metadata: { forksight: place.version },
  };
  for (let attempt = 0; ; attempt++) {
    try {
      return await place.client.submit(submission, signal);
    } catch (error) {
      const isLost =
        error instanceof JobsError && error.failure === "unreachable";
      const wait = AGAIN[attempt];
      if (!isLost || wait === undefined) throw error;
      place.log(`${error.message} It is tried again.`);
      await pause(wait, signal ?? new AbortController().signal);
      signal?.throwIfAborted();
    }
  }
}

async function describe(
  settings: RunSettings,
  runFile: string,
  place: JobPlace,
): Promise<RunDescription> {
  const evals = Object.entries(settings.data.eval);
  return {
    format: 1,
    name: settings.name ?? runNameOf(runFile),
    engine: "ray",
    created: new Date().toISOString(),
    runFile,
    settings,
    seed: settings.seed,
    versions: {
      forksight: place.version,
      ray: await place.client.version(),
    },
    model: await hashed(settings.model),
    data: {
      train: await hashed(settings.data.train),
      eval: Object.fromEntries(
        await Promise.all(
          evals.map(
            async ([name, file]) => [name, await hashed(file)] as const,
          ),
        ),
      ),
    },
  };
}

/** A name that no other job of the cluster has. */
function newJobName(name: string): string {
  return `forksight-${safeName(name).slice(0, 40)}-${randomBytes(6).toString("hex")}`;
}

async function writeStatus(
  folder: string,
  steps: number,
  step: number,
): Promise<void> {
  const status: RunStatus = {
    state: "preparing",
    step,
    steps,
    heartbeat: new Date().toISOString(),
    eta: null,
    message: "waiting for the cluster",
    activity: "load",
  };
  await replaceFile(
    path.join(folder, RUN_FOLDER.status),
    `${JSON.stringify(status, null, 2)}\n`,
  );
}

/** What a job needs of the folder here to go on with it: names in the folder to absolute paths. */
async function resumedFiles(folder: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const step of (
    await stepsIn(folder, RUN_FOLDER.checkpoints)
  ).reverse()) {
    const at = path.join(RUN_FOLDER.checkpoints, checkpointName(step));
    const names = await readdir(path.join(folder, at));
    if (!names.includes(STATE_FILE)) continue;
    for (const name of names)
      files.set(
        `${RUN_FOLDER.checkpoints}/${checkpointName(step)}/${name}`,
        path.join(folder, at, name),
      );
    break;
  }
  if (files.size === 0)
    throw new Error(
      `${folder} holds no checkpoint that a job could go on from: what resuming needs did not come here, or is larger than 64 MB. Set forksight.ray.storage to a folder that all nodes see before launching such a run.`,
    );
  const top = new Set(await readdir(folder));
  for (const name of [RUN_FOLDER.run, RUN_FOLDER.metrics, RUN_FOLDER.log])
    if (top.has(name)) files.set(name, path.join(folder, name));
  return files;
}

/** The last step that the folder says anything of. */
async function lastStep(folder: string): Promise<number> {
  const all = await Promise.all(
    [RUN_FOLDER.rollouts, RUN_FOLDER.checkpoints].map((one) =>
      stepsIn(folder, one),
    ),
  );
  return Math.max(0, ...all.flat());
}

/** Rising. */
async function stepsIn(folder: string, place: string): Promise<number[]> {
  const names = await readdir(path.join(folder, place));
  return names
    .map(stepOfName)
    .filter((step) => step !== undefined)
    .sort((a, b) => a - b);
}
