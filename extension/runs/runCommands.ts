import * as vscode from "vscode";
import type { Engines } from "../engines/engines";
import type { Register } from "../registrar";
import { launchRunFile } from "./launchRunFile";
import type { Launcher } from "./launcher";
import type { OpenedPlaces } from "./openedPlaces";
import { openRuns } from "./openRuns";
import { foldersOf } from "./runArgument";
import { isLive, isResumable, type Run } from "./run";
import type { Runs } from "./runs";
import { runDescription, runName } from "./runText";

/** What the commands of runs act on. */
export interface RunParts {
  readonly runs: Runs;
  readonly opened: OpenedPlaces;
  readonly engines: Engines;
  readonly launcher: Launcher;
}

/** Registers the commands of the view "Runs". A command without a run asks for one. */
export function registerRunCommands(
  register: Register,
  parts: RunParts,
): vscode.Disposable[] {
  const { runs, opened, engines, launcher } = parts;
  return [
    register("launchRunFile", (file?: unknown) =>
      launchRunFile(launcher, file),
    ),
    register("openRuns", () => openRuns(opened)),
    register("stopRun", async (argument?: unknown, selected?: unknown) => {
      for (const run of await chosen(argument, selected, "Stop", isLive))
        await engines.get(run.description?.engine ?? "")?.stop(run.folder);
    }),
    register("resumeRun", async (argument?: unknown, selected?: unknown) => {
      for (const run of await chosen(argument, selected, "Resume", isResumable))
        await launcher.resume(run.folder);
    }),
  ];

  /** The runs that a command was called with, or those that the user picks among the `fitting` ones. */
  async function chosen(
    argument: unknown,
    selected: unknown,
    title: string,
    fitting: (run: Run) => boolean,
  ): Promise<readonly Run[]> {
    const folders = foldersOf(argument, selected);
    if (folders.length > 0)
      return folders
        .map((folder) => runs.get(folder))
        .filter((run): run is Run => run !== undefined && fitting(run));
    return pickRuns(runs.all().filter(fitting), title);
  }
}

async function pickRuns(
  among: readonly Run[],
  title: string,
): Promise<readonly Run[]> {
  if (among.length === 0) {
    void vscode.window.showInformationMessage(
      `Forksight: there is no run to ${title.toLowerCase()}.`,
    );
    return [];
  }
  const picked = await vscode.window.showQuickPick(
    among.map((run) => ({
      label: runName(run),
      description: runDescription(run),
      detail: run.folder,
      run,
    })),
    { title: `${title} Run`, matchOnDescription: true, matchOnDetail: true },
  );
  return picked ? [picked.run] : [];
}
