import * as vscode from "vscode";
import { freshFolder, type Launcher } from "./launcher";

const RUN_FILES = "**/*.forksight.{yaml,yml}";
/** Comparisons keep run files of their own among the runs: those are not for launching. */
const NOT_IN = "**/{node_modules,.forksight}/**";
const RUN_FILE = /\.forksight\.ya?ml$/i;
/** More would not be read in a list. */
const MOST_FILES = 500;

/** Launches a run file and shows its dashboard. @param argument the file's Uri; else the active editor's, else one that is picked */
export async function launchRunFile(
  launcher: Launcher,
  argument?: unknown,
): Promise<void> {
  const file = await runFileOf(argument, "Launch Run File");
  if (file === undefined) return;
  const launchable = await launcher.prepare(file);
  if (launchable === undefined) return;
  const folder = freshFolder(file, launchable.name);
  await launcher.launch(launchable, folder);
  await openDashboard([folder]);
}

/** The run file that a command means; undefined where the user picks none. */
export async function runFileOf(
  argument: unknown,
  title: string,
): Promise<vscode.Uri | undefined> {
  if (argument instanceof vscode.Uri) return argument;
  const active = vscode.window.activeTextEditor?.document.uri;
  if (active !== undefined && RUN_FILE.test(active.path)) return active;
  const files = await findRunFiles();
  if (files.length === 0) {
    const NEW = "New Training Run";
    const chosen = await vscode.window.showInformationMessage(
      "Forksight: this workspace has no run file (*.forksight.yaml).",
      NEW,
    );
    if (chosen === NEW)
      await vscode.commands.executeCommand("forksight.newRun");
    return undefined;
  }
  const items = files
    .map((uri) => ({ label: vscode.workspace.asRelativePath(uri), uri }))
    .sort((a, b) => a.label.localeCompare(b.label));
  const picked = await vscode.window.showQuickPick(items, { title });
  return picked?.uri;
}

/** The workspace's run files. */
export async function findRunFiles(): Promise<vscode.Uri[]> {
  return vscode.workspace.findFiles(RUN_FILES, NOT_IN, MOST_FILES);
}

/** Shows runs in the dashboard. @param folders run folders */
export async function openDashboard(folders: readonly string[]): Promise<void> {
  const known = await vscode.commands.getCommands(true);
  if (known.includes("forksight.openDashboard"))
    await vscode.commands.executeCommand("forksight.openDashboard", folders);
}
