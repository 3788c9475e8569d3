import { isAbsolute, relative } from "node:path";
import { mapPaths } from "../../core/run/runPaths";
import { writeRunFile } from "../../core/run/writeRunFile";

/**
 * The text of a run file with a run's settings.
 * @param settings a run's, with absolute paths
 * @param folder of the new file: its paths are relative to it
 * @param previous the text of a run file in that folder whose comments shall stay
 */
export function duplicateText(
  settings: Readonly<Record<string, unknown>>,
  folder: string,
  previous?: string,
): string {
  const nearby = mapPaths(settings, (path) =>
    // What is not absolute is a model's id on Hugging Face.
    isAbsolute(path) ? relative(folder, path) || path : path,
  );
  return writeRunFile(nearby, previous);
}
