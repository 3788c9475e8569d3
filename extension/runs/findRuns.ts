import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { RUN_FOLDER } from "../../core/run/folder";
import type { FoundRun } from "./readRun";

/** Where runs lie in a workspace folder. */
export const RUNS_PLACE = [".forksight", "runs"] as const;

/** Any of these makes a folder a run, if only an unreadable one. */
const SIGNS: readonly string[] = [
  RUN_FOLDER.run,
  RUN_FOLDER.status,
  RUN_FOLDER.metrics,
  RUN_FOLDER.checkpoints,
];

/**
 * The runs in a place: the place itself where it is a run, its folders that are runs, and the runs in its other folders,
 * which are groups. Looks no deeper. A folder that is not there, or may not be read, holds none.
 */
export async function findRuns(place: string): Promise<FoundRun[]> {
  const top = await look(place);
  if (top.isRun) return [{ folder: place }];
  const found = await Promise.all(
    top.folders.map(async (name): Promise<FoundRun[]> => {
      const folder = join(place, name);
      const inner = await look(folder);
      if (inner.isRun) return [{ folder }];
      const members = inner.folders.map(async (member) => {
        const path = join(folder, member);
        const { isRun } = await look(path);
        return isRun ? [{ folder: path, group: basename(folder) }] : [];
      });
      return (await Promise.all(members)).flat();
    }),
  );
  return found.flat();
}

async function look(
  folder: string,
): Promise<{ isRun: boolean; folders: string[] }> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    const isRun = entries.some(({ name }) => SIGNS.includes(name));
    const folders = isRun
      ? []
      : entries.filter((one) => one.isDirectory() || one.isSymbolicLink());
    return { isRun, folders: folders.map(({ name }) => name) };
  } catch {
    return { isRun: false, folders: [] };
  }
}
