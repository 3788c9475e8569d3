import path from "node:path";
import * as vscode from "vscode";
import { mapPaths } from "../../core/run/runPaths";
import type { WrittenSettings } from "../../core/run/runForm";
import { absolutePaths } from "../runFiles/absolutePaths";
import { isInside, slashed } from "../runFiles/writtenPaths";

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
