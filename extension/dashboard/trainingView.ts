import * as vscode from "vscode";
import {
  type ChartSpec,
  chartsFor,
  formatted,
} from "../../core/panels/dashboardCharts";
import { trainingHtml } from "../../core/panels/trainingHtml";
import {
  type FromTraining,
  readFromTraining,
  type Spark,
  type ToTraining,
} from "../../core/panels/trainingProtocol";
import { columnOf, toColumns } from "../../core/run/metricsColumns";
import type { Row } from "../../core/run/sampling";
import { isLive, type Run } from "../runs/run";
import type { RunSource } from "./dashboardPanel";
import { WatchedRun } from "./watchedRun";
import { showPage } from "../webviewPage";

/** Milliseconds between two looks while the view is visible. */
const PERIOD = 1500;
/** Charts of which the first series is drawn small. */
const SPARKS = ["reward", "accuracy", "entropy", "loss"];
const MOST_SPARKS = 3;
/** A side bar is some 300 pixels wide. */
const BUDGET = { first: 150, full: 300, whole: 1 << 19, most: 1200 };

/** The view "Training": the run that trains now, or that was chosen last, in a side bar. */
export class TrainingView
  implements vscode.WebviewViewProvider, vscode.Disposable
{
  static readonly id = "forksight.training";

  private readonly subscriptions: vscode.Disposable[];
  private view: vscode.WebviewView | undefined;
  private timer: NodeJS.Timeout | undefined;
  private watched: WatchedRun | undefined;
  private selected = "";
  /** What the page was last told of the run. */
  private lastHead = "";
  /** One look at a time. */
  private looking = Promise.resolve();

  constructor(
    private readonly extensionUri: vscode.Uri,
    private readonly runs: RunSource,
  ) {
    this.subscriptions = [
      vscode.window.registerWebviewViewProvider(TrainingView.id, this),
      runs.onDidChange(() => this.look()),
    ];
  }

  /** Shows this run where no other one is being trained. */
  select(folder: string): void {
    this.selected = folder;
    this.look();
  }

  resolveWebviewView(view: vscode.WebviewView): void {
    this.view = view;
    const { webview } = view;
    const received = webview.onDidReceiveMessage((message: unknown) => {
      const known = readFromTraining(message);
      if (known !== undefined) void this.receive(known);
    });
    const watch = () => {
      clearInterval(this.timer);
      if (view.visible) this.timer = setInterval(() => this.look(), PERIOD);
    };
    view.onDidChangeVisibility(watch);
    view.onDidDispose(() => {
      received.dispose();
      clearInterval(this.timer);
      if (this.view === view) this.view = undefined;
    });
    showPage(webview, this.extensionUri, "training", trainingHtml);
    watch();
  }

  dispose(): void {
    clearInterval(this.timer);
    for (const one of this.subscriptions) one.dispose();
  }

  private async receive(message: FromTraining): Promise<void> {
    switch (message.type) {
      case "ready":
        this.look(true);
        break;
      case "newRun":
        await vscode.commands.executeCommand("forksight.newRun");
        break;
      case "openDashboard":
        await vscode.commands.executeCommand(
          "forksight.openDashboard",
          message.folder,
        );
        break;
      case "stop":
        await vscode.commands.executeCommand(
          "forksight.stopRun",
          message.folder,
        );
        break;
    }
  }

  private look(always = false): void {
    this.looking = this.looking.then(() => this.show(always));
  }

  private async show(always: boolean): Promise<void> {
    if (!this.view?.visible) return;
    const run = this.choose();
    if (run === undefined) {
      this.watched = undefined;
      this.lastHead = "";
      this.post({ type: "nothing" });
      return;
    }
    let appended: readonly Row[] | "all" = "all";
    if (this.watched?.folder === run.folder) {
      this.watched.run = run;
      appended = await this.watched.poll();
    } else {
      this.watched = new WatchedRun(run.folder, run, BUDGET);
      await this.watched.open();
      await this.watched.survey();
    }
    const head = this.watched.head();
    const told = JSON.stringify(head);
    if (!always && appended !== "all" && appended.length === 0)
      if (told === this.lastHead) return;
    this.lastHead = told;
    const rows = this.watched.metrics.rows;
    this.post({ type: "show", run: head, sparks: sparksOf(rows) });
  }

  /** The one that is being trained; of several, the one chosen last or else the newest. */
  private choose(): Run | undefined {
    const all = this.runs.all();
    const live = all.filter(isLive);
    const among = live.length > 0 ? live : all;
    return among.find(({ folder }) => folder === this.selected) ?? among[0];
  }

  private post(message: ToTraining): void {
    void this.view?.webview.postMessage(message);
  }
}

/** Small curves of what matters most, of the quantities that the rows have. */
export function sparksOf(rows: readonly Row[]): Spark[] {
  const columns = toColumns(rows.map(({ line }) => line));
  const { known, other } = chartsFor(columns.names);
  const wanted = SPARKS.flatMap((id) => known.filter((one) => one.id === id));
  const specs: readonly ChartSpec[] = wanted.length > 0 ? wanted : other;
  const steps = columnOf(columns, "step") ?? new Float64Array();
  return specs.slice(0, MOST_SPARKS).map(({ title, format, series }) => {
    const values = columnOf(columns, series[0]!.metric)!;
    const at = [...steps.keys()].filter((i) => Number.isFinite(values[i]));
    return {
      label: title,
      latest: formatted(values[at.at(-1) ?? -1] ?? NaN, format),
      steps: at.map((i) => steps[i]!),
      values: at.map((i) => values[i]!),
    };
  });
}
