import { writeRunFile } from "../../core/run/writeRunFile";
import { writtenPaths } from "../runFiles/writtenPaths";

/**
 * The text of a run file with a run's settings.
 * @param settings a run's, with absolute paths
 * @param file the new file
 * @param root its workspace folder, if it lies in one
 * @param previous the text of a run file in the same folder whose comments shall stay
 */
export function duplicateText(
  settings: Readonly<Record<string, unknown>>,
  file: string,
  root: string | undefined,
  previous?: string,
): string {
  return writeRunFile(writtenPaths(settings, file, root, previous), previous);
}
