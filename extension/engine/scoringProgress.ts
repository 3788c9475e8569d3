import * as vscode from "vscode";
import type { Annotator, ScoringRun } from "../inspect/annotator";
import type { Engine } from "./engine";

/** Milliseconds after which a run that the user asked for gets a notification with a Cancel button. */
const PATIENCE = 2000;

/** Shows the progress of long runs as a notification. Short ones, and those after edits, are left to the status item. */
export class ScoringProgress implements vscode.Disposable {
  private readonly waiting = new Map<string, NodeJS.Timeout>();
  /** Reports to the notification of a document, while there is one. */
  private readonly shown = new Map<
    string,
    (run: ScoringRun | undefined) => void
  >();
  private readonly subscriptions: vscode.Disposable[];

  constructor(
    private readonly annotator: Annotator,
    private readonly engine: Engine,
  ) {
    this.subscriptions = [
      annotator.onRun((uri) => this.onRun(uri)),
      engine.onHealth(() => {
        for (const [key, report] of this.shown)
          report(annotator.runOf(vscode.Uri.parse(key)));
      }),
    ];
  }

  dispose(): void {
    for (const timer of this.waiting.values()) clearTimeout(timer);
    for (const report of this.shown.values()) report(undefined);
    for (const one of this.subscriptions) one.dispose();
  }

  private onRun(uri: vscode.Uri): void {
    const key = uri.toString();
    const run = this.annotator.runOf(uri);
    this.shown.get(key)?.(run);
    if (run === undefined) {
      clearTimeout(this.waiting.get(key));
      this.waiting.delete(key);
    } else if (run.asked && !this.waiting.has(key) && !this.shown.has(key)) {
      const timer = setTimeout(() => {
        this.waiting.delete(key);
        this.show(uri);
      }, PATIENCE);
      this.waiting.set(key, timer);
    }
  }

  private show(uri: vscode.Uri): void {
    const key = uri.toString();
    const name = uri.path.split("/").at(-1) ?? "";
    const options = {
      location: vscode.ProgressLocation.Notification,
      title: `Forksight: annotating ${name}`,
      cancellable: true,
    };
    void vscode.window.withProgress(options, (progress, token) => {
      token.onCancellationRequested(() => this.annotator.runOf(uri)?.cancel());
      return new Promise<void>((resolve) => {
        let percent = 0;
        const report = (run: ScoringRun | undefined) => {
          if (run === undefined) {
            this.shown.delete(key);
            resolve();
            return;
          }
          const { health } = this.engine;
          if (health.state === "loading") {
            progress.report({
              message: `loading the model, ${Math.floor(100 * health.fraction)} %`,
            });
          } else if (run.total > 0) {
            const now = (100 * run.done) / run.total;
            progress.report({
              message: `${run.done.toLocaleString("en")} of ${run.total.toLocaleString("en")} tokens`,
              increment: Math.max(0, now - percent),
            });
            percent = now;
          }
        };
        this.shown.set(key, report);
        report(this.annotator.runOf(uri));
      });
    });
  }
}
