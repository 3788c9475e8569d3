import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import * as vscode from "vscode";
import { runFolderName, runNameOf } from "../../core/run/names";
import {
  formatRunFileError,
  type Override,
  readRunFile,
} from "../../core/run/runFile";
import type { RunSettings } from "../../core/run/settings";
import type { Engines } from "../engines/engines";
import type { TrainingEngine } from "../engines/trainingEngine";
import { RUNS_PLACE } from "./findRuns";
import type { OpenedPlaces } from "./openedPlaces";
import type { Runs } from "./runs";
import { runName } from "./runText";

/** A run file that may be launched: checked, its engine there, its reward agreed to. */
export interface Launchable {
  readonly runFile: vscode.Uri;
  readonly settings: RunSettings;
  readonly name: string;
  readonly engine: TrainingEngine;
  readonly trustRewards: boolean;
}

/** All that stands between a run file and an engine. What fails throws an Error that says what to do. */
export class Launcher {
  constructor(
    private readonly engines: Engines,
    private readonly runs: Runs,
    private readonly opened: OpenedPlaces,
  ) {}

  /**
   * Checks a run file and asks what must be asked.
   * @returns undefined where the user was shown what is wrong, or does not agree
   */
  async prepare(runFile: vscode.Uri): Promise<Launchable | undefined> {
    requireTrust();
    if (runFile.scheme !== "file")
      throw new Error(
        `${runFile.path} is not on a disk of this machine: save it in a folder first.`,
      );
    const document = await vscode.workspace.openTextDocument(runFile);
    if (document.isDirty && !(await document.save()))
      throw new Error(`${runFile.fsPath} could not be saved.`);
    const read = readRunFile(document.getText());
    if (!read.ok) {
      const [first, ...more] = read.errors;
      const left =
        more.length > 0 ? ` And ${more.length} more in this file.` : "";
      const shown = vscode.workspace.asRelativePath(runFile, false);
      const at = formatRunFileError(shown, first!);
      const chosen = await vscode.window.showErrorMessage(
        `Forksight: the run file cannot be launched. ${at}.${left}`,
        "Open",
      );
      if (chosen === "Open") await showAt(document, first!.range?.start ?? 0);
      return undefined;
    }
    const { settings } = read;
    const engine = await this.engineFor(settings.engine);
    if (engine === undefined) return undefined;
    const trustRewards = await agreesToReward(settings, runFile.fsPath);
    if (trustRewards === undefined) return undefined;
    const name = settings.name ?? runNameOf(runFile.path);
    return { runFile, settings, name, engine, trustRewards };
  }

  /** Starts the trainer with a progress notification that can be cancelled; the run is then in the list. */
  async launch(
    { runFile, engine, trustRewards, name }: Omit<Launchable, "settings">,
    folder: string,
    overrides: readonly Override[] = [],
  ): Promise<void> {
    await vscode.window.withProgress(
      {
        location: vscode.ProgressLocation.Notification,
        title: `Forksight: launching ${name}`,
        cancellable: true,
      },
      async (progress, token) => {
        try {
          await engine.launch(
            { runFile: runFile.fsPath, folder, overrides, trustRewards },
            token,
            (message) => progress.report({ message }),
          );
        } catch (error) {
          if (token.isCancellationRequested)
            throw new vscode.CancellationError();
          throw error;
        }
      },
    );
    await this.runs.refresh();
    // Launched from a run file outside the workspace.
    if (this.runs.get(folder) === undefined) {
      await this.opened.add([folder]);
      await this.runs.refresh();
    }
  }

  /** Goes on with a run. @param steps as in `Resumption` */
  async resume(folder: string, steps?: number): Promise<void> {
    requireTrust();
    const run = this.runs.get(folder);
    const id = run?.description?.engine ?? "";
    const engine = await this.engineFor(id);
    if (run?.description === undefined || engine === undefined) return;
    const { settings, runFile } = run.description;
    const trustRewards = await agreesToReward(settings, runFile);
    if (trustRewards === undefined) return;
    await vscode.window.withProgress(
      {
        location: vscode.ProgressLocation.Notification,
        title: `Forksight: resuming ${runName(run)}`,
      },
      () =>
        engine.resume({
          folder,
          ...(steps !== undefined && { steps }),
          trustRewards,
        }),
    );
    await this.runs.refresh();
  }

  /** The engine, where it can train here; else the user is shown what is missing. */
  private async engineFor(id: string): Promise<TrainingEngine | undefined> {
    const engine = this.engines.get(id);
    if (engine === undefined)
      throw new Error(
        `There is no engine "${id}" here: ${this.engines.all.map((one) => one.id).join(", ")} can be had.`,
      );
    const availability = await engine.availability();
    if (availability.available) return engine;
    const { missing, remedy } = availability;
    const chosen = await vscode.window.showErrorMessage(
      `Forksight: the engine ${engine.label} cannot train here. ${missing.join(" ")}`,
      ...(remedy ? [remedy.title] : []),
    );
    if (remedy && chosen === remedy.title)
      await vscode.commands.executeCommand(remedy.command);
    return undefined;
  }
}

/** A new folder for a run, not there yet: `.forksight/runs/<name>-<date>` in the run file's workspace folder. */
export function freshFolder(runFile: vscode.Uri, name: string): string {
  const root =
    vscode.workspace.getWorkspaceFolder(runFile)?.uri.fsPath ??
    dirname(runFile.fsPath);
  const stem = join(root, ...RUNS_PLACE, runFolderName(name, new Date()));
  for (let n = 1; ; n++) {
    const folder = n === 1 ? stem : `${stem}-${n}`;
    if (!existsSync(folder)) return folder;
  }
}

/** @throws Error in a workspace that is not trusted: what it names must not run */
export function requireTrust(): void {
  if (!vscode.workspace.isTrusted)
    throw new Error(
      "Training runs what the workspace names, so it needs a trusted workspace (Workspaces: Manage Workspace Trust).",
    );
}

/**
 * Asks before a reward runs that is a program of the user's own.
 * @param settings resolved ones, of a run file or of run.json
 * @returns undefined where the user does not agree
 */
async function agreesToReward(
  settings: Readonly<Record<string, unknown>>,
  runFile: string,
): Promise<boolean | undefined> {
  const reward = (settings["reward"] ?? {}) as Partial<RunSettings["reward"]>;
  if (reward.kind !== "javascript" && reward.kind !== "python") return false;
  const file = resolve(dirname(runFile), reward.file ?? "");
  const RUN = "Run It";
  const chosen = await vscode.window.showWarningMessage(
    `Run the reward ${file}?`,
    {
      modal: true,
      detail: `${runFile} names this ${reward.kind === "python" ? "Python" : "JavaScript"} program as its reward. It runs with your rights, once for every batch of completions. Read it first.`,
    },
    RUN,
  );
  return chosen === RUN ? true : undefined;
}

async function showAt(
  document: vscode.TextDocument,
  offset: number,
): Promise<void> {
  const at = document.positionAt(offset);
  await vscode.window.showTextDocument(document, {
    selection: new vscode.Range(at, at),
  });
}
