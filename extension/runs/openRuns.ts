import * as vscode from "vscode";
import { findRuns } from "./findRuns";
import type { OpenedPlaces } from "./openedPlaces";

/** Adds run folders, or folders of runs, from anywhere on this machine to the list. */
export async function openRuns(opened: OpenedPlaces): Promise<void> {
  const chosen = await vscode.window.showOpenDialog({
    title: "Open Runs",
    openLabel: "Open Runs",
    canSelectFiles: false,
    canSelectFolders: true,
    canSelectMany: true,
  });
  for (const { fsPath } of chosen ?? []) {
    const found = await findRuns(fsPath);
    if (found.length > 0) await opened.add([fsPath]);
    else
      void vscode.window.showErrorMessage(
        `Forksight: ${fsPath} is no run folder and holds none. A run folder has a run.json.`,
      );
  }
}
