/** What the rollouts' commands read of a run folder. Other parts watch it; here it is read when somebody asks. */
import { access, readdir } from "node:fs/promises";
import path from "node:path";
import { RUN_FOLDER, rolloutsName, stepOfName } from "../../core/run/folder";
import { readDescription } from "../../core/run/readFolder";
import { checkpointAdapters } from "../exchange/checkpointAdapters";
import { LARGEST_JSON, readRegular } from "../runs/regularFile";

/** What run.json says. */
export interface RunFacts {
  readonly folder: string;
  readonly name: string;
  /** Absolute path of what the run was started from. */
  readonly modelPath: string;
  /** At which it samples. */
  readonly temperature: number;
}

/** A checkpoint that the annotator can load. */
export interface Checkpoint {
  readonly folder: string;
  readonly step: number;
  /** Absolute path of the GGUF adapter. */
  readonly adapterPath: string;
  /** Whether it is there; one of an imported run is made of PEFT's when it is needed. */
  readonly ready: boolean;
}

/** @throws Error naming run.json and what is wrong with it */
export async function readRunFacts(folder: string): Promise<RunFacts> {
  const file = path.join(folder, RUN_FOLDER.run);
  let text: string;
  try {
    text = await readRegular(file, LARGEST_JSON);
  } catch {
    throw new Error(
      `${folder} is no run folder: there is no ${RUN_FOLDER.run} in it that can be read.`,
    );
  }
  const read = readDescription(text);
  if (!read.ok) throw new Error(`${file} cannot be read: ${read.message}.`);
  const { name, model, settings } = read.value;
  const rollout = settings["rollout"] as { temperature?: unknown } | undefined;
  const temperature = rollout?.temperature ?? settings["temperature"];
  return {
    folder,
    name,
    modelPath: model.path,
    temperature:
      typeof temperature === "number" && temperature > 0 ? temperature : 1,
  };
}

/** The steps that have a file of rollouts, ascending; none where there is no such folder. */
export async function rolloutSteps(folder: string): Promise<number[]> {
  const names = await namesIn(path.join(folder, RUN_FOLDER.rollouts));
  return steps(names.filter((name) => name.endsWith(".jsonl")));
}

/** Absolute path of a step's rollouts. */
export function rolloutsFile(folder: string, step: number): string {
  return path.join(folder, RUN_FOLDER.rollouts, rolloutsName(step));
}

/** The checkpoints with an adapter, newest first. */
export async function checkpointsOf(folder: string): Promise<Checkpoint[]> {
  const found = await checkpointAdapters(folder);
  return found.map(({ step, checkpoint, form }) => ({
    folder,
    step,
    adapterPath: path.join(checkpoint, RUN_FOLDER.adapter),
    ready: form === "gguf",
  }));
}

export async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}

function steps(names: readonly string[]): number[] {
  return names
    .map(stepOfName)
    .filter((step): step is number => step !== undefined)
    .sort((a, b) => a - b);
}
