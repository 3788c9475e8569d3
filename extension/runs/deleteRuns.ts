import { existsSync } from "node:fs";
import * as vscode from "vscode";
import { readSettings, writeSetting } from "../configuration";
import { isInside } from "../runFiles/writtenPaths";
import { isLive, type Run } from "./run";
import type { Runs } from "./runs";
import { runName } from "./runText";

/** Folders that a dialog names one by one. */
const NAMED = 10;

/** Deletes run folders after the user agreed to just these: to the trash where there is one. */
export async function deleteRuns(
  runs: Runs,
  chosen: readonly Run[],
): Promise<void> {
  if (chosen.length === 0) return;
  await runs.refresh();
  const now = chosen
    .map(({ folder }) => runs.get(folder))
    .filter((run) => run !== undefined);
  const live = now.find(isLive);
  if (live !== undefined)
    throw new Error(`"${runName(live)}" is at work: stop it first.`);
  if (now.length === 0) return;
  const what =
    now.length === 1 ? `the run "${runName(now[0]!)}"` : `${now.length} runs`;
  const left = now.length > NAMED ? `\nand ${now.length - NAMED} more` : "";
  const folders = now.slice(0, NAMED).map(({ folder }) => folder);
  const isInspected = now.some(({ folder }) =>
    isInside(readSettings().adapterPath, folder),
  );
  const inspected = isInspected
    ? "\n\nThe annotator uses a checkpoint of it now. It goes back to the base model."
    : "";
  const detail = `All that is in ${now.length === 1 ? "this folder" : "these folders"} goes, checkpoints and rollouts included:\n${folders.join("\n")}${left}${inspected}`;
  const DELETE = "Delete";
  const agreed = await vscode.window.showWarningMessage(
    `Delete ${what}?`,
    { modal: true, detail },
    DELETE,
  );
  if (agreed !== DELETE) return;
  try {
    await remove(now, true);
  } catch (error) {
    // No trash here, as on a server.
    const FOREVER = "Delete Permanently";
    const anyway = await vscode.window.showWarningMessage(
      `${what[0]!.toUpperCase()}${what.slice(1)} cannot be moved to the trash. Delete permanently?`,
      { modal: true, detail: `${(error as Error).message}\n${detail}` },
      FOREVER,
    );
    if (anyway !== FOREVER) return;
    await remove(now, false);
  } finally {
    const { adapterPath } = readSettings();
    if (isInspected && !existsSync(adapterPath))
      await writeSetting("adapterPath", undefined);
    await runs.refresh();
  }
}

async function remove(runs: readonly Run[], useTrash: boolean): Promise<void> {
  for (const { folder } of runs) {
    const uri = vscode.Uri.file(folder);
    const isThere = await vscode.workspace.fs.stat(uri).then(
      () => true,
      () => false,
    );
    if (isThere)
      await vscode.workspace.fs.delete(uri, { recursive: true, useTrash });
  }
}
