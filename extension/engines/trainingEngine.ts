import type * as vscode from "vscode";
import type { Override } from "../../core/run/runFile";
import type { EngineName } from "../../core/run/engineSettings";

/** Whether an engine can train here, and if not, what is missing. */
export type Availability =
  | {
      readonly available: true;
      /** One line for a person, such as versions and devices. */
      readonly detail: string;
    }
  | {
      readonly available: false;
      /** What is missing, a sentence each. */
      readonly missing: readonly string[];
      /** A command that mends it, as a button. */
      readonly remedy?: { readonly title: string; readonly command: string };
    };

/** What is launched. The run folder does not exist yet. */
export interface Launch {
  /** Absolute path of the run file, on disk as it shall be launched. */
  readonly runFile: string;
  /** Absolute path of the run folder, new. */
  readonly folder: string;
  readonly overrides: readonly Override[];
  /** Whether the user let the reward run that the run file names as a program of its own. */
  readonly trustRewards: boolean;
}

/** A run that shall go on. */
export interface Resumption {
  /** Absolute path of the run folder. */
  readonly folder: string;
  /** A new number of steps, to go on beyond the run's end. */
  readonly steps?: number;
  /** As in `Launch`. */
  readonly trustRewards: boolean;
}

/**
 * One way to train. All that the rest of the extension knows of trainers is a list of these: what is launched is then
 * watched through its run folder alone (core/run/folder.ts).
 *
 * Trainers outlive the window. Launching needs a trusted workspace: the caller has checked that.
 */
export interface TrainingEngine {
  /** As run files name it. */
  readonly id: EngineName;
  readonly label: string;
  /** One line: where it runs and what it needs. */
  readonly description: string;
  /** May take seconds (a Python is asked for its versions); the engine remembers the answer. */
  availability(): Promise<Availability>;
  /**
   * Starts a trainer, and resolves once its run folder stands with run.json.
   * @param onWords is given what the trainer says meanwhile, such as that a model is fetched, a line at a time
   * @throws Error with the trainer's own words where it ends before that
   */
  launch(
    launch: Launch,
    token: vscode.CancellationToken,
    onWords?: (line: string) => void,
  ): Promise<void>;
  /**
   * Goes on with a run that no trainer works on, and resolves once one does.
   * @throws Error with the trainer's own words where it ends before that
   */
  resume(resumption: Resumption): Promise<void>;
  /** Asks the trainer to save and stop; resolves once it is asked. */
  stop(folder: string): Promise<void>;
}
