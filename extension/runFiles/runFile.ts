import type * as vscode from "vscode";

const NAME = /\.forksight\.ya?ml$/i;

/** Whether a document is a run file, by its name. */
export function isRunFile({ path }: vscode.Uri): boolean {
  return NAME.test(path);
}
