import * as vscode from "vscode";
import { compareArms } from "../arms/compareArms";
import type { Comparisons } from "../arms/comparisons";
import type { Engines } from "../engines/engines";
import type { Register } from "../registrar";
import { deleteRuns } from "./deleteRuns";
import { duplicateRun } from "./duplicateRun";
import { extendRun } from "./extendRun";
import type { RunImporter } from "./importer";
import { launchRunFile } from "./launchRunFile";
import type { Launcher } from "./launcher";
import type { OpenedPlaces } from "./openedPlaces";
import {
  openLog,
  openRunFile,
  openSettings,
  reveal,
  revealInOS,
} from "./openRunFiles";
import { openRuns } from "./openRuns";
import { isLive, isResumable, type Run } from "./run";
import { foldersOf } from "./runArgument";
import type { GroupRow } from "./runRows";
import type { Runs } from "./runs";
import { runDescription, runName } from "./runText";
import { stopRun } from "./stopRun";

/** What the commands of runs act on. */
export interface RunParts {
  readonly runs: Runs;
  readonly opened: OpenedPlaces;
  readonly engines: Engines;
  readonly launcher: Launcher;
  readonly comparisons: Comparisons;
  readonly importers: readonly RunImporter[];
}

const ANY = (): boolean => true;
const READABLE = (run: Run): boolean => run.description !== undefined;

/** Registers the commands of the view "Runs". A command that is given no run asks for one. */
export function registerRunCommands(
  register: Register,
  parts: RunParts,
): vscode.Disposable[] {
  const { runs, opened, engines, launcher, comparisons, importers } = parts;

  /** A command on runs: those it is called with, or one that the user picks among the fitting ones. */
  const onRuns = (
    name: string,
    title: string,
    fits: (run: Run) => boolean,
    act: (runs: readonly Run[]) => Promise<void>,
  ) =>
    register(name, async (argument?: unknown, selected?: unknown) => {
      const asked = foldersOf(argument, selected);
      const chosen =
        asked.length > 0
          ? asked
              .map((folder) => runs.get(folder))
              .filter((run) => run !== undefined)
              .filter(fits)
          : await pickRun(runs.all().filter(fits), title);
      if (chosen.length > 0) await act(chosen);
    });
  /** The same, one run after another. */
  const onEach = (
    name: string,
    title: string,
    fits: (run: Run) => boolean,
    act: (run: Run) => Promise<void>,
  ) =>
    onRuns(name, title, fits, async (chosen) => {
      for (const run of chosen) await act(run);
    });

  return [
    register("launchRunFile", (file?: unknown) =>
      launchRunFile(launcher, file),
    ),
    register("compareArms", (file?: unknown) =>
      compareArms(launcher, comparisons, file),
    ),
    register("openRuns", () => openRuns(runs, opened, importers)),
    register("refreshRuns", () => runs.refresh()),
    onEach("stopRun", "Stop Run", isLive, (run) => stopRun(engines, run)),
    onEach("resumeRun", "Resume Run", isResumable, ({ folder }) =>
      launcher.resume(folder),
    ),
    onEach(
      "extendRun",
      "Resume Run to More Steps",
      (run) => READABLE(run) && !isLive(run),
      (run) => extendRun(launcher, run),
    ),
    onEach("duplicateRun", "Duplicate Run", READABLE, duplicateRun),
    onRuns(
      "deleteRun",
      "Delete Run",
      (run) => !isLive(run),
      (chosen) => deleteRuns(runs, chosen),
    ),
    onEach("openRunLog", "Open Log of Run", ANY, openLog),
    onEach("openRunSettings", "Open Settings of Run", ANY, openSettings),
    onEach("openRunFile", "Open Run File of Run", READABLE, openRunFile),
    onEach("revealRun", "Reveal Run", ANY, reveal),
    onEach("revealRunInOS", "Reveal Run", ANY, revealInOS),
    onRuns("copyRunPath", "Copy Path of Run", ANY, async (chosen) =>
      vscode.env.clipboard.writeText(
        chosen.map(({ folder }) => folder).join("\n"),
      ),
    ),
    onRuns("closeRuns", "Close Opened Folder", ANY, (chosen) =>
      opened.remove(
        chosen
          .map(({ folder }) => opened.of(folder))
          .filter((place) => place !== undefined),
      ),
    ),
    register("continueComparison", ({ folder }: GroupRow) =>
      comparisons.goOn(folder),
    ),
    register("cancelComparison", ({ folder }: GroupRow) =>
      comparisons.giveUp(folder),
    ),
  ];
}

async function pickRun(
  among: readonly Run[],
  title: string,
): Promise<readonly Run[]> {
  if (among.length === 0) {
    void vscode.window.showInformationMessage(
      `Forksight: there is no run for "${title}" in this window.`,
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
    { title, matchOnDescription: true, matchOnDetail: true },
  );
  return picked ? [picked.run] : [];
}
