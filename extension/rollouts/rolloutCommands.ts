import * as vscode from "vscode";
import type { Engine } from "../engine/engine";
import type { Failures } from "../engine/failures";
import type { CheckpointAdapters } from "../exchange/checkpointAdapters";
import type { Annotations } from "../inspect/annotations";
import type { Annotator } from "../inspect/annotator";
import type { Models } from "../models/modelInForce";
import type { OpenFiles } from "../records/openFiles";
import type { RecordCommands } from "../records/openRecord";
import type { RecordDocuments } from "../records/recordDocuments";
import type { Register } from "../registrar";
import { inspectWithBase, inspectWithCheckpoint } from "./inspectCheckpoint";
import type { Runs } from "../runs/runs";
import { folderOf } from "./pickRun";
import { RecordedRollouts } from "./recordedRollouts";
import { rescore } from "./rescore";
import { RolloutsPanels } from "./rolloutsPanels";
import { rolloutsFile } from "./runFolder";
import { RunModels } from "./runModels";
import { StepTables } from "./stepTables";

export interface RolloutParts {
  readonly context: vscode.ExtensionContext;
  readonly engine: Engine;
  readonly failures: Failures;
  readonly annotations: Annotations;
  readonly annotator: Annotator;
  readonly models: Models;
  readonly runs: Runs;
  readonly files: OpenFiles;
  readonly documents: RecordDocuments;
  readonly records: RecordCommands;
  readonly adapters: CheckpointAdapters;
}

/** Rollouts of runs: the panel, the documents with what was recorded, and the checkpoints behind the annotator. */
export class RolloutCommands implements vscode.Disposable {
  readonly recorded: RecordedRollouts;
  readonly runModels: RunModels;
  private readonly panels: RolloutsPanels;

  constructor(private readonly parts: RolloutParts) {
    const { context, engine, files, documents, annotator, models } = parts;
    this.runModels = new RunModels(models, context.workspaceState);
    this.recorded = new RecordedRollouts(
      engine,
      files,
      documents,
      annotator,
      this.runModels,
    );
    this.panels = new RolloutsPanels(
      context.extensionUri,
      new StepTables(files),
      {
        open: (folder, step, index, options) =>
          this.openOne(folder, step, index, options),
        inspect: (folder, step) => this.inspect(folder, step),
        failed: (error) => void parts.failures.show(error, true),
      },
    );
  }

  /** @param argument a run folder, or an entry of the tree of runs; the user picks a run where it is neither */
  async open(argument: unknown, step: unknown): Promise<void> {
    const { runs } = this.parts;
    const folder = await folderOf(argument, runs, "Open Rollouts");
    if (folder !== undefined) this.panels.open(folder, stepOf(step));
  }

  /** @param argument as `open` */
  async inspect(argument: unknown, step: unknown): Promise<void> {
    const { runs, models, adapters } = this.parts;
    const folder = await folderOf(
      argument,
      runs,
      "Inspect with This Checkpoint",
    );
    if (folder !== undefined)
      await inspectWithCheckpoint(
        folder,
        stepOf(step),
        models,
        this.runModels,
        adapters,
      );
  }

  rescore(): Promise<void> {
    return rescore({
      ...this.parts,
      runModels: this.runModels,
      recorded: this.recorded,
    });
  }

  async showRecorded(): Promise<void> {
    const document = vscode.window.activeTextEditor?.document;
    if (document !== undefined) await this.recorded.show(document, true);
  }

  dispose(): void {
    this.panels.dispose();
  }

  private async openOne(
    folder: string,
    step: number,
    index: number,
    options: vscode.TextDocumentShowOptions,
  ): Promise<void> {
    const file = rolloutsFile(folder, step);
    const document = await this.parts.records.show({ file, index }, options);
    await this.recorded.show(document, true);
  }
}

/** Registers the commands of rollouts and checkpoints. */
export function registerRolloutCommands(
  register: Register,
  rollouts: RolloutCommands,
): vscode.Disposable[] {
  return [
    register("openRollouts", (run?: unknown, step?: unknown) =>
      rollouts.open(run, step),
    ),
    register("inspectWithCheckpoint", (run?: unknown, step?: unknown) =>
      rollouts.inspect(run, step),
    ),
    register("inspectWithBase", inspectWithBase),
    register("rescore", () => rollouts.rescore()),
    register("showRecorded", () => rollouts.showRecorded()),
  ];
}

/** Menus hand over more than one argument of their own; only a number is a step. */
function stepOf(argument: unknown): number | undefined {
  return typeof argument === "number" ? argument : undefined;
}
