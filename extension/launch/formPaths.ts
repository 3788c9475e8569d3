import path from "node:path";
import * as vscode from "vscode";
import { mapPaths } from "../../core/run/runPaths";
import type { WrittenSettings } from "../../core/run/runForm";

/** The folder that a relative path in the form counts from: the workspace's, else the run file's. */
export function formRoot(file: string): string | undefined {
  const folder =
    (file === ""
      ? undefined
      : vscode.workspace.getWorkspaceFolder(vscode.Uri.file(file))) ??
    vscode.workspace.workspaceFolders?.[0];
  return folder?.uri.fsPath ?? (file === "" ? undefined : path.dirname(file));
}

/** The settings of a run file with absolute paths, as the form shows them. */
export function absolutePaths(
  settings: WrittenSettings,
  file: string,
): WrittenSettings {
  return mapPaths(settings, (one) => path.resolve(path.dirname(file), one));
}

/** The form's settings with absolute paths. */
export function typedPaths(
  settings: WrittenSettings,
  root: string | undefined,
): WrittenSettings {
  return mapPaths(settings, (one) =>
    root === undefined ? one : path.resolve(root, one),
  );
}

/**
 * The settings with paths as they stand in a run file: relative to it where both lie in one workspace folder, so that
 * the folder can be moved, else absolute.
 * @param settings with absolute paths
 */
export function writtenPaths(
  settings: WrittenSettings,
  file: string,
): WrittenSettings {
  const root = vscode.workspace.getWorkspaceFolder(vscode.Uri.file(file));
  return mapPaths(settings, (one) =>
    root !== undefined && isInside(one, root.uri.fsPath)
      ? path.relative(path.dirname(file), one).split(path.sep).join("/")
      : one,
  );
}

function isInside(file: string, folder: string): boolean {
  const relative = path.relative(folder, file);
  return (
    path.isAbsolute(file) &&
    !path.isAbsolute(relative) &&
    relative.split(path.sep)[0] !== ".."
  );
}
