/**
 * Writes a run folder (core/run/folder.ts) so that a kill at any instant loses at most the step under way.
 *
 * Order of writes in step N: rollouts/step-N.jsonl; a new folder with adapter, optimiser state and trainer_state.json,
 * which holds the step's line of metrics; the rename of that folder to checkpoints/step-N, which makes the step done;
 * the line in metrics.jsonl; status.json; the deletion of checkpoints no longer wanted. `recover` puts right whatever a
 * kill between any two of these left behind.
 */
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from "node:fs";
import { join } from "node:path";
import {
  checkpointName,
  type MetricsLine,
  type RolloutLine,
  rolloutsName,
  RUN_FOLDER,
  type RunDescription,
  type RunStatus,
  stepOfName,
} from "../../core/run/folder";
import {
  readDescription,
  readMetrics,
  readStatus,
} from "../../core/run/readFolder";
import { messageOf } from "../errorMessage";
import { RunError } from "./runError";
import { appendDurably, replaceFile, writeDurably } from "./writeFile";

const STATE_FILE = "trainer_state.json";
const OPTIMIZER_FILE = "optimizer.bin";

/** What resuming needs beside the weights and the optimiser's state. */
export interface TrainerState {
  readonly format: 1;
  /** Steps done. */
  readonly step: number;
  /** Problems taken from the training data so far. */
  readonly cursor: number;
  /** Optimiser's updates so far. */
  readonly updates: number;
  /** Tokens of prompts and completions so far. */
  readonly numTokens: number;
  /** The step's line of metrics; null where it has none. */
  readonly line: MetricsLine | null;
}

/** A checkpoint under its final name. */
export interface Checkpoint {
  readonly folder: string;
  readonly adapterPath: string;
  readonly state: TrainerState;
  optimizerState(): Uint8Array;
}

/** A checkpoint being written, not yet visible. */
export interface PendingCheckpoint {
  readonly folder: string;
  readonly adapterPath: string;
}

export class RunFolder {
  constructor(readonly path: string) {}

  /**
   * Makes a new run folder. @throws RunError where the folder holds a run, or anything else, already
   */
  static create(path: string, description: RunDescription): RunFolder {
    const folder = new RunFolder(path);
    mkdirSync(path, { recursive: true });
    if (folder.neverBegan()) folder.clear();
    if (existsSync(folder.at(RUN_FOLDER.run))) {
      throw new RunError(
        `${path} holds a run already. Continue it with \`resume\`, or name another folder with --out.`,
      );
    }
    const strangers = readdirSync(path).filter(
      (name) => name !== RUN_FOLDER.log && name !== "lock",
    );
    if (strangers.length > 0) {
      throw new RunError(
        `${path} is not empty (${strangers.slice(0, 3).join(", ")}). Name a new folder with --out.`,
      );
    }
    mkdirSync(folder.at(RUN_FOLDER.rollouts), { recursive: true });
    mkdirSync(folder.at(RUN_FOLDER.checkpoints), { recursive: true });
    replaceFile(
      folder.at(RUN_FOLDER.run),
      `${JSON.stringify(description, null, 2)}\n`,
      true,
    );
    return folder;
  }

  /** @throws RunError where there is no readable run.json */
  static open(path: string): {
    folder: RunFolder;
    description: RunDescription;
  } {
    const folder = new RunFolder(path);
    const file = folder.at(RUN_FOLDER.run);
    let text: string;
    try {
      text = readFileSync(file, "utf8");
    } catch (error) {
      throw new RunError(`${path} is no run folder: ${messageOf(error)}.`);
    }
    const read = readDescription(text);
    if (!read.ok)
      throw new RunError(
        `${file} is damaged: ${read.message}. Start a new run.`,
      );
    mkdirSync(folder.at(RUN_FOLDER.rollouts), { recursive: true });
    mkdirSync(folder.at(RUN_FOLDER.checkpoints), { recursive: true });
    return { folder, description: read.value };
  }

  /** Whether a run failed here before its first result, as for a model that could not be loaded. */
  private neverBegan(): boolean {
    return (
      this.readStatus()?.state === "failed" &&
      [RUN_FOLDER.checkpoints, RUN_FOLDER.rollouts].every(
        (name) => existsSync(this.at(name)) && isEmpty(this.at(name)),
      ) &&
      this.recordedSteps() === 0
    );
  }

  /** Takes away what such a run left. */
  private clear(): void {
    for (const name of [
      RUN_FOLDER.checkpoints,
      RUN_FOLDER.rollouts,
      RUN_FOLDER.metrics,
      RUN_FOLDER.status,
      RUN_FOLDER.stop,
      RUN_FOLDER.run,
    ])
      rmSync(this.at(name), { recursive: true, force: true });
  }

  /** Whole lines of metrics.jsonl. */
  recordedSteps(): number {
    const file = this.at(RUN_FOLDER.metrics);
    if (!existsSync(file)) return 0;
    return readMetrics(readFileSync(file, "utf8")).lines.length;
  }

  replaceDescription(description: RunDescription): void {
    const text = `${JSON.stringify(description, null, 2)}\n`;
    replaceFile(this.at(RUN_FOLDER.run), text, true);
  }

  writeStatus(status: RunStatus): void {
    replaceFile(
      this.at(RUN_FOLDER.status),
      `${JSON.stringify(status, null, 2)}\n`,
      false,
    );
  }

  /** undefined where there is none, or none that can be read. */
  readStatus(): RunStatus | undefined {
    try {
      const read = readStatus(readFileSync(this.at(RUN_FOLDER.status), "utf8"));
      return read.ok ? read.value : undefined;
    } catch {
      return undefined;
    }
  }

  appendMetrics(line: MetricsLine): void {
    appendDurably(this.at(RUN_FOLDER.metrics), `${JSON.stringify(line)}\n`);
  }

  writeRollouts(step: number, lines: readonly RolloutLine[]): void {
    replaceFile(
      this.at(RUN_FOLDER.rollouts, rolloutsName(step)),
      lines.map((line) => `${JSON.stringify(line)}\n`).join(""),
      false,
    );
  }

  log(text: string): void {
    appendFileSync(
      this.at(RUN_FOLDER.log),
      `${new Date().toISOString()} ${text}\n`,
    );
  }

  stopRequested(): boolean {
    return existsSync(this.at(RUN_FOLDER.stop));
  }

  clearStop(): void {
    rmSync(this.at(RUN_FOLDER.stop), { force: true });
  }

  /** An empty place for step N's checkpoint; `commit` makes it visible. */
  beginCheckpoint(step: number): PendingCheckpoint {
    const folder = this.at(
      RUN_FOLDER.checkpoints,
      `.${checkpointName(step)}-new`,
    );
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder);
    return { folder, adapterPath: join(folder, RUN_FOLDER.adapter) };
  }

  /** The instant at which step `state.step` is done. The adapter must have been saved to `pending.adapterPath`. */
  commitCheckpoint(
    pending: PendingCheckpoint,
    state: TrainerState,
    optimizerState: Uint8Array,
  ): Checkpoint {
    writeDurably(join(pending.folder, OPTIMIZER_FILE), optimizerState, "w");
    writeDurably(join(pending.folder, STATE_FILE), JSON.stringify(state), "w");
    const folder = this.at(RUN_FOLDER.checkpoints, checkpointName(state.step));
    rmSync(folder, { recursive: true, force: true });
    renameSync(pending.folder, folder);
    return this.checkpoint(folder, state);
  }

  /** The newest checkpoint that can be read; undefined where none is. */
  latestCheckpoint(): Checkpoint | undefined {
    for (const step of this.checkpointSteps().reverse()) {
      const folder = this.at(RUN_FOLDER.checkpoints, checkpointName(step));
      try {
        const state = JSON.parse(
          readFileSync(join(folder, STATE_FILE), "utf8"),
        ) as TrainerState;
        if (
          state.format === 1 &&
          state.step === step &&
          existsSync(join(folder, RUN_FOLDER.adapter)) &&
          existsSync(join(folder, OPTIMIZER_FILE))
        )
          return this.checkpoint(folder, state);
      } catch {
        // Not one of ours, or damaged: an older one serves.
      }
    }
    return undefined;
  }

  /** Deletes checkpoints but the newest and the last `keep` of every `every` steps (0: none of those). */
  prune(every: number, keep: number): void {
    const steps = this.checkpointSteps();
    const newest = steps.at(-1);
    const kept = new Set(
      steps
        .filter((step) => every > 0 && step > 0 && step % every === 0)
        .slice(-keep),
    );
    for (const step of steps) {
      if (step !== newest && !kept.has(step)) this.removeCheckpoint(step);
    }
  }

  /**
   * Brings metrics, rollouts and checkpoints back to where step `state.step` was done, and says what was mended.
   * Without a state, to the beginning.
   */
  recover(state: TrainerState | undefined): string[] {
    const step = state?.step ?? -1;
    const mended: string[] = [];
    for (const name of readdirSync(this.at(RUN_FOLDER.checkpoints))) {
      const at = stepOfName(name);
      const torn = /^\.step-\d+-(new|old)$/.test(name);
      if (torn || (at !== undefined && at > step)) {
        rmSync(this.at(RUN_FOLDER.checkpoints, name), {
          recursive: true,
          force: true,
        });
        mended.push(`removed the unfinished checkpoint ${name}`);
      }
    }
    for (const name of readdirSync(this.at(RUN_FOLDER.rollouts))) {
      const at = stepOfName(name);
      if (name.endsWith(".new") || (at !== undefined && at > step)) {
        rmSync(this.at(RUN_FOLDER.rollouts, name), { force: true });
        mended.push(`removed rollouts/${name}`);
      }
    }
    const said = this.recoverMetrics(state);
    return said ? [...mended, said] : mended;
  }

  private recoverMetrics(state: TrainerState | undefined): string | undefined {
    const file = this.at(RUN_FOLDER.metrics);
    const text = existsSync(file) ? readFileSync(file, "utf8") : "";
    const { lines } = readMetrics(text);
    const kept = lines.filter((line) => state && line.step <= state.step);
    if (state?.line && kept.at(-1)?.step !== state.step) kept.push(state.line);
    const wanted = kept.map((line) => `${JSON.stringify(line)}\n`).join("");
    if (wanted === text) return undefined;
    replaceFile(file, wanted, true);
    return `brought metrics.jsonl to step ${state?.step ?? 0}`;
  }

  private checkpoint(folder: string, state: TrainerState): Checkpoint {
    return {
      folder,
      adapterPath: join(folder, RUN_FOLDER.adapter),
      state,
      optimizerState: () => readFileSync(join(folder, OPTIMIZER_FILE)),
    };
  }

  /** Deletes under a name that no reader takes for a checkpoint, so that a kill leaves no half one. */
  private removeCheckpoint(step: number): void {
    const folder = this.at(RUN_FOLDER.checkpoints, checkpointName(step));
    const away = this.at(
      RUN_FOLDER.checkpoints,
      `.${checkpointName(step)}-old`,
    );
    renameSync(folder, away);
    rmSync(away, { recursive: true, force: true });
  }

  /** Rising. */
  private checkpointSteps(): number[] {
    return readdirSync(this.at(RUN_FOLDER.checkpoints))
      .map((name) => (name.endsWith(".jsonl") ? undefined : stepOfName(name)))
      .filter((step) => step !== undefined)
      .sort((a, b) => a - b);
  }

  private at(...names: string[]): string {
    return join(this.path, ...names);
  }
}

function isEmpty(folder: string): boolean {
  return readdirSync(folder).length === 0;
}
