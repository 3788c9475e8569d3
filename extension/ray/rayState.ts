/** ray.json in a run folder: which job it is of, and how much of the job's output it has. */
import { readFile, rename, writeFile } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";

const FILE = "ray.json";

const state = z.object({
  format: z.literal(1),
  /** The cluster's, as readAddress gives it. */
  address: z.string(),
  /** The job's submission id; a resumed run has a new one. */
  job: z.string(),
  /** The package that the job runs in, `gcs://...`. */
  package: z.string(),
  /** Folder on the cluster where the job keeps the run; empty where each node has its own until the job is over. */
  storage: z.string(),
  /** Number of the last frame that this folder has; 0 before the first. */
  sequence: z.number().int().min(0),
  /** The job will write no more. */
  over: z.boolean(),
});

export type RayState = z.output<typeof state>;

/** @throws Error where the folder holds no run of a Ray cluster */
export async function readRayState(folder: string): Promise<RayState> {
  const file = path.join(folder, FILE);
  try {
    return state.parse(JSON.parse(await readFile(file, "utf8")));
  } catch (error) {
    throw new Error(
      `${folder} cannot be followed on the Ray cluster: ${FILE} is missing or damaged (${(error as Error).message.split("\n")[0]}).`,
      { cause: error },
    );
  }
}

/** By rename, so that it is never half there. */
export async function writeRayState(
  folder: string,
  value: RayState,
): Promise<void> {
  await replaceFile(path.join(folder, FILE), `${JSON.stringify(value)}\n`);
}

/** Writes beside `file` and renames. */
export async function replaceFile(file: string, text: string): Promise<void> {
  const temporary = `${file}.${process.pid}.tmp`;
  await writeFile(temporary, text);
  await rename(temporary, file);
}
