import * as vscode from "vscode";
import { readSettings } from "../configuration";
import { type Notice, noticeOf } from "./notice";
import type { Run } from "./run";
import type { Runs } from "./runs";

/** What each action of a notice is called, and which command it runs on the run folder. */
const ACTIONS: Readonly<Record<Notice["actions"][number], string>> = {
  "Open Dashboard": "forksight.openDashboard",
  "Open Log": "forksight.openRunLog",
  Resume: "forksight.resumeRun",
  Stop: "forksight.stopRun",
};

/** Tells what became of the runs that this window has seen at work, unless the user is looking at them. */
export class RunNotices implements vscode.Disposable {
  /** The runs as they were before the last change. */
  private readonly before = new Map<string, Run>();
  private readonly subscription: vscode.Disposable;

  /** @param isShown whether the user sees a run folder's dashboard now */
  constructor(
    runs: Runs,
    private readonly isShown: (folder: string) => boolean,
  ) {
    this.subscription = runs.onDidChange(({ changed, removed }) => {
      for (const folder of removed) this.before.delete(folder);
      for (const run of changed) this.look(run);
    });
  }

  dispose(): void {
    this.subscription.dispose();
  }

  private look(run: Run): void {
    const notice = noticeOf(this.before.get(run.folder), run);
    this.before.set(run.folder, run);
    if (notice === undefined || this.isShown(run.folder)) return;
    if (readSettings().notifyRuns) void tell(notice, run.folder);
  }
}

async function tell(notice: Notice, folder: string): Promise<void> {
  const { severity, message, actions } = notice;
  const show = {
    info: vscode.window.showInformationMessage,
    warning: vscode.window.showWarningMessage,
    error: vscode.window.showErrorMessage,
  }[severity];
  const chosen = await show(`Forksight: ${message}`, ...actions);
  const action = actions.find((one) => one === chosen);
  if (action !== undefined)
    await vscode.commands.executeCommand(ACTIONS[action], folder);
}
