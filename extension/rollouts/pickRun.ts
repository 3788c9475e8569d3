import * as vscode from "vscode";
import { labelText } from "../../core/panels/visibleText";
import { foldersOf } from "../runs/runArgument";
import type { Runs } from "../runs/runs";
import { runDescription, runName } from "../runs/runText";
import { type Checkpoint, checkpointsOf } from "./runFolder";

/**
 * The run folder that a command is about: its argument (a folder's path, or an entry of the tree of runs), or one that
 * the user picks.
 * @returns undefined where the user gave up
 */
export async function folderOf(
  argument: unknown,
  runs: Runs,
  title: string,
): Promise<string | undefined> {
  return foldersOf(argument)[0] ?? pickRun(runs, title);
}

async function pickRun(runs: Runs, title: string): Promise<string | undefined> {
  const items: (vscode.QuickPickItem & { readonly folder?: string })[] = runs
    .all()
    .filter(({ state }) => state !== "unreadable")
    .map((run) => ({
      label: labelText(runName(run)),
      description: labelText(runDescription(run)),
      detail: labelText(run.folder),
      folder: run.folder,
    }));
  items.push({
    label: "$(folder-opened) Browse...",
    description: "a run folder anywhere on this machine",
    alwaysShow: true,
  });
  const chosen = await vscode.window.showQuickPick(items, {
    title,
    placeHolder: "Which run?",
    matchOnDescription: true,
    matchOnDetail: true,
  });
  if (chosen === undefined || chosen.folder !== undefined)
    return chosen?.folder;
  const folders = await vscode.window.showOpenDialog({
    title: "A run folder",
    openLabel: "Open",
    canSelectFiles: false,
    canSelectFolders: true,
  });
  return folders?.[0]?.fsPath;
}

/**
 * A checkpoint of a run: that of `step`, else one that the user picks, newest first.
 * @returns undefined where the user gave up
 * @throws Error where the run has none, or not that one
 */
export async function pickCheckpoint(
  folder: string,
  step?: number,
): Promise<Checkpoint | undefined> {
  const found = await checkpointsOf(folder);
  if (found.length === 0) {
    throw new Error(
      `${folder} has no checkpoint with an adapter yet: a run writes one every few steps (checkpoints.every in its run file).`,
    );
  }
  if (step !== undefined) {
    const one = found.find((checkpoint) => checkpoint.step === step);
    if (one !== undefined) return one;
    throw new Error(
      `There is no checkpoint of step ${step}; there are those of ${found.map((known) => known.step).join(", ")}.`,
    );
  }
  const items = found.map((checkpoint, i) => ({
    label: `Step ${checkpoint.step}`,
    ...(i === 0 && { description: "newest" }),
    checkpoint,
  }));
  const chosen = await vscode.window.showQuickPick(items, {
    title: "Which checkpoint?",
  });
  return chosen?.checkpoint;
}
