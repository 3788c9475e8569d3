/** What a run's folder holds, opened and shown. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import * as vscode from "vscode";
import { RUN_FOLDER } from "../../core/run/folder";
import type { Run } from "./run";
import { runName } from "./runText";

/** trainer.log, at its end. */
export async function openLog(run: Run): Promise<void> {
  const file = join(run.folder, RUN_FOLDER.log);
  if (!existsSync(file))
    throw new Error(`"${runName(run)}" has no ${RUN_FOLDER.log} yet.`);
  const document = await vscode.workspace.openTextDocument(file);
  const end = document.lineAt(document.lineCount - 1).range.end;
  await vscode.window.showTextDocument(document, {
    selection: new vscode.Range(end, end),
  });
}

/** run.json: the resolved settings, and the hashes of model and data. */
export async function openSettings({ folder }: Run): Promise<void> {
  await vscode.window.showTextDocument(
    vscode.Uri.file(join(folder, RUN_FOLDER.run)),
  );
}

/** The run file that it was started from, as it is now. */
export async function openRunFile(run: Run): Promise<void> {
  const file = run.description?.runFile;
  if (file === undefined || !existsSync(file))
    throw new Error(
      `The run file of "${runName(run)}" is not on this machine${file === undefined ? "" : ` (${file})`}. Its settings are in ${RUN_FOLDER.run}, and Duplicate makes a run file of them.`,
    );
  await vscode.window.showTextDocument(vscode.Uri.file(file));
}

/** In the explorer view, where the workspace has the folder. */
export async function reveal({ folder }: Run): Promise<void> {
  const uri = vscode.Uri.file(folder);
  const isInside = vscode.workspace.getWorkspaceFolder(uri) !== undefined;
  await vscode.commands.executeCommand(
    isInside ? "revealInExplorer" : "revealFileInOS",
    uri,
  );
}

/** In the operating system's file manager. */
export async function revealInOS({ folder }: Run): Promise<void> {
  await vscode.commands.executeCommand(
    "revealFileInOS",
    vscode.Uri.file(folder),
  );
}
