import * as vscode from "vscode";
import { readSettings, writeSetting } from "../configuration";
import type { CheckpointAdapters } from "../exchange/checkpointAdapters";
import { working } from "../exchange/working";
import type { Models } from "../models/modelInForce";
import { pickCheckpoint } from "./pickRun";
import { readRunFacts } from "./runFolder";
import type { RunModels } from "./runModels";

/**
 * Makes a run's model and the adapter of one of its checkpoints the annotator's. What is open and annotated is scored
 * again by that.
 * @param step of the checkpoint; the user picks one where absent
 */
export async function inspectWithCheckpoint(
  folder: string,
  step: number | undefined,
  models: Models,
  runModels: RunModels,
  adapters: CheckpointAdapters,
): Promise<void> {
  if (!vscode.workspace.isTrusted) {
    throw new Error(
      "This workspace is not trusted, so the adapters of its runs are not loaded. Trust the workspace, then try again.",
    );
  }
  const checkpoint = await pickCheckpoint(folder, step);
  if (checkpoint === undefined) return;
  const modelPath = await runModels.pathOf(await readRunFacts(folder), true);
  if (modelPath === undefined) return;
  if (!checkpoint.ready)
    await working("converting the checkpoint's adapter", (signal) =>
      adapters.of(folder, checkpoint.step, signal, modelPath),
    );
  const scope = vscode.window.activeTextEditor?.document.uri;
  if (models.inForce(scope).path !== modelPath) {
    // First without an adapter: that of another model would be refused in between.
    if (readSettings(scope).adapterPath !== "")
      await writeSetting("adapterPath", undefined, scope);
    // Empty stands for the pocket model, wherever the extension lies.
    const written = modelPath === models.pocketPath ? "" : modelPath;
    await writeSetting("modelPath", written, scope);
  }
  await writeSetting("adapterPath", checkpoint.adapterPath, scope);
}

/** Takes the adapter away: the model alone scores. */
export async function inspectWithBase(): Promise<void> {
  const scope = vscode.window.activeTextEditor?.document.uri;
  await writeSetting("adapterPath", undefined, scope);
}
