import path from "node:path";
import * as vscode from "vscode";
import { mapPaths } from "../../core/run/runPaths";
import type { WrittenSettings } from "../../core/run/runForm";
import { absolutePaths } from "../runFiles/absolutePaths";

/** The folder that a relative path in the form counts from: the workspace's, else the run file's. */
export function formRoot(file: string): string | undefined {
  const folder =
    (file === ""
      ? undefined
      : vscode.workspace.getWorkspaceFolder(vscode.Uri.file(file))) ??
    vscode.workspace.workspaceFolders?.[0];
  return folder?.uri.fsPath ?? (file === "" ? undefined : path.dirname(file));
}

/** The path as the form shows it: relative to the workspace folder where it lies in it, so that its end is seen. */
export function shownPath(file: string, root: string | undefined): string {
  return root !== undefined && isInside(file, root)
    ? slashed(path.relative(root, file))
    : file;
}

/** The settings of a run file as the form shows them. */
export function shownPaths(
  settings: WrittenSettings,
  file: string,
): WrittenSettings {
  const folder = path.dirname(file);
  const root = formRoot(file);
  return mapPaths(absolutePaths(settings, folder), (one) =>
    shownPath(one, root),
  );
}

/** The form's settings with absolute paths. */
export function typedPaths(
  settings: WrittenSettings,
  root: string | undefined,
): WrittenSettings {
  return root === undefined ? settings : absolutePaths(settings, root);
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
      ? slashed(path.relative(path.dirname(file), one))
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

/** Run files go from one system to another. */
function slashed(relative: string): string {
  return relative.split(path.sep).join("/");
}
