import { rm, rmdir } from "node:fs/promises";
import * as vscode from "vscode";
import { armName, armOverrides } from "../../core/run/arms";
import { readRunFile } from "../../core/run/runFile";
import type { Engines } from "../engines/engines";
import type { Launcher } from "../runs/launcher";
import type { Runs } from "../runs/runs";
import { runName } from "../runs/runText";
import {
  armFolder,
  type Comparison,
  type ComparisonFiles,
  nextStep,
  unblocked,
} from "./comparison";

/** Milliseconds between two looks at the waiting lists, for what happens in other windows. */
const PERIOD = 10_000;
/** Milliseconds that a burst of changes of runs may last. */
const SETTLE = 300;

const NEXT = "Launch Next Arm";
const GIVE_UP = "Give Up";

/**
 * Launches the arms that wait, in whichever window shows their group. The waiting lists are on disk, so they survive a
 * reload; a lock keeps two windows from launching the same arm.
 */
export class Comparisons implements vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<void>();
  private readonly launched = new vscode.EventEmitter<string>();
  private readonly subscriptions: vscode.Disposable[];
  private readonly timer: NodeJS.Timeout;
  private settleTimer: NodeJS.Timeout | undefined;
  private known: readonly Comparison[] = [];
  /** Run folders by which the user was told that an arm waits. */
  private readonly told = new Set<string>();

  readonly onDidChange = this.changed.event;
  /** An arm was launched: its run folder. */
  readonly onDidLaunch = this.launched.event;

  constructor(
    private readonly files: ComparisonFiles,
    private readonly runs: Runs,
    private readonly engines: Engines,
    private readonly launcher: Launcher,
    private readonly warn: (message: string) => void,
  ) {
    const soon = () => {
      clearTimeout(this.settleTimer);
      this.settleTimer = setTimeout(() => void this.work(), SETTLE);
    };
    this.subscriptions = [
      this.changed,
      this.launched,
      runs.onDidChange(soon),
      vscode.workspace.onDidGrantWorkspaceTrust(soon),
    ];
    this.timer = setInterval(() => void this.work(), PERIOD);
    void runs.refresh().then(() => this.work());
  }

  /** The arms of a group that are still to be launched. */
  waitingIn(folder: string): readonly string[] {
    return this.known.find((one) => one.folder === folder)?.waiting ?? [];
  }

  /** Launches what can be launched now. @throws where the list cannot be written */
  async start(queue: Comparison): Promise<void> {
    await this.files.put(queue);
    await this.advance(queue.folder);
    await this.reread();
  }

  /** Launches the next arm though one before it is not done, or could not be launched. */
  async goOn(folder: string): Promise<void> {
    const queue = await this.files.get(folder);
    if (queue === undefined) return;
    await this.start(unblocked(queue, (path) => this.runs.get(path)));
  }

  /** Forgets the arms that wait; those that were launched stay as they are. */
  async giveUp(folder: string): Promise<void> {
    const queue = await this.files.get(folder);
    if (queue === undefined) return;
    await this.files.put({ ...queue, waiting: [] });
    await this.reread();
  }

  dispose(): void {
    clearInterval(this.timer);
    clearTimeout(this.settleTimer);
    for (const one of this.subscriptions) one.dispose();
  }

  /** Never throws: nobody waits for it. */
  private async work(): Promise<void> {
    try {
      await this.reread();
      if (!vscode.workspace.isTrusted) return;
      for (const { folder } of this.known)
        if (this.runs.covers(folder)) await this.advance(folder);
    } catch (error) {
      this.warn(`The waiting arms could not be looked at: ${String(error)}`);
    }
  }

  private async reread(): Promise<void> {
    const before = JSON.stringify(this.known);
    this.known = await this.files.all();
    if (JSON.stringify(this.known) !== before) this.changed.fire();
  }

  private async advance(folder: string): Promise<void> {
    const runAt = (path: string) => this.runs.get(path);
    await this.files.exclusively(folder, async () => {
      for (;;) {
        const queue = await this.files.get(folder);
        if (queue === undefined) return;
        const step = nextStep(queue, runAt);
        if (step.kind === "blocked") {
          const { folder: by, state } = step.by;
          if (!this.told.has(by))
            void this.ask(
              queue,
              `"${runName(step.by)}" is ${state}. Resume it, or launch the next arm without it.`,
            );
          this.told.add(by);
        }
        if (step.kind !== "launch") return;
        await this.launch(queue, step.arm);
      }
    });
  }

  private async launch(
    queue: Comparison,
    arm: Comparison["waiting"][number],
  ): Promise<void> {
    const { name, trustRewards } = queue;
    const runFile = vscode.Uri.file(queue.runFile);
    try {
      const bytes = await vscode.workspace.fs.readFile(runFile);
      const read = readRunFile(new TextDecoder().decode(bytes));
      const engine = read.ok && this.engines.get(read.settings.engine);
      if (!engine)
        throw new Error(
          `${runFile.fsPath} is no run file that can be launched.`,
        );
      await this.launcher.launch(
        { name: armName(name, arm), runFile, engine, trustRewards },
        armFolder(queue, arm),
        armOverrides(name, arm),
      );
    } catch (error) {
      // With no arm launched there is no comparison yet, and whoever asked for one is told.
      if (queue.waiting.length === queue.arms.length) {
        await this.files.put({ ...queue, waiting: [] });
        await rm(queue.runFile, { force: true });
        await rmdir(queue.folder).catch(() => undefined);
        throw error;
      }
      const cancelled = error instanceof vscode.CancellationError;
      const held = cancelled ? "cancelled" : (error as Error).message;
      await this.files.put({ ...queue, held });
      void this.ask(queue, `the arm "${arm}" was not launched: ${held}`);
      return;
    }
    const waiting = queue.waiting.filter((one) => one !== arm);
    await this.files.put({ ...queue, waiting });
    await this.reread();
    this.launched.fire(armFolder(queue, arm));
  }

  private async ask({ name, folder }: Comparison, why: string): Promise<void> {
    const chosen = await vscode.window.showWarningMessage(
      `Forksight: the comparison of ${name} waits. ${why}`,
      NEXT,
      GIVE_UP,
    );
    if (chosen === NEXT) await this.goOn(folder);
    if (chosen === GIVE_UP) await this.giveUp(folder);
  }
}
