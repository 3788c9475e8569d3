import { dirname, isAbsolute, relative, resolve, sep } from "node:path";
import { readRunFile } from "../../core/run/runFile";
import { mapPaths, type NamesFiles } from "../../core/run/runPaths";

/**
 * The settings with paths as they stand in a run file: as its text has them already, else relative to it where both lie
 * in one workspace folder, so that the folder can be moved, else as they are.
 * @param settings with absolute paths
 * @param root the workspace folder of the run file, if it lies in one
 * @param previous the file's text until now
 */
export function writtenPaths<T extends NamesFiles>(
  settings: T,
  file: string,
  root: string | undefined,
  previous = "",
): T {
  const folder = dirname(file);
  const before = new Map<string, string>();
  const read = readRunFile(previous);
  if (read.ok)
    mapPaths(read.settings, (one) => {
      before.set(resolve(folder, one), one);
      return one;
    });
  return mapPaths(
    settings,
    (one) =>
      before.get(one) ??
      (root !== undefined && isInside(one, root)
        ? slashed(relative(folder, one))
        : one),
  );
}

/** Whether an absolute path lies in a folder; not so for what is relative. */
export function isInside(file: string, folder: string): boolean {
  const within = relative(folder, file);
  return (
    isAbsolute(file) && !isAbsolute(within) && within.split(sep)[0] !== ".."
  );
}

/** Run files go from one system to another. */
export function slashed(path: string): string {
  return path.split(sep).join("/");
}
