import path from "node:path";
import * as vscode from "vscode";
import { rolloutsHtml } from "../../core/panels/rolloutsHtml";
import {
  type FromRolloutsPanel,
  PAGE_ROWS,
  type RolloutsPage,
  type ShownRollout,
  type ToRolloutsPanel,
  readFromRolloutsPanel,
} from "../../core/panels/rolloutsProtocol";
import { type RolloutRow, selectRows } from "../../core/rollouts/rolloutRows";
import { RUN_FOLDER } from "../../core/run/folder";
import { shortened, visibleLine } from "../../core/panels/visibleText";
import { checkpointsOf, readRunFacts, rolloutSteps } from "./runFolder";
import type { StepTable, StepTables } from "./stepTables";
import { showPage } from "../webviewPage";

/** Milliseconds between a change of the folder and a look at it: a step writes several files. */
const SETTLE = 300;
/** Longest prompt that is sent, in characters. */
const PROMPT_LIMIT = 240;
/** Bad lines that are named; the rest is counted. */
const NAMED_BAD_LINES = 20;

type ReadRequest = Extract<FromRolloutsPanel, { type: "read" }>;

/** What a panel has others do. */
export interface RolloutsActions {
  /** Opens rollout `index` (from 1) of a step. */
  open(
    folder: string,
    step: number,
    index: number,
    options: vscode.TextDocumentShowOptions,
  ): Promise<void>;
  inspect(folder: string, step: number): Promise<void>;
  failed(error: unknown): void;
}

/** The panel "Rollouts" of one run: a page of rows of one step at a time, on demand. */
export class RolloutsPanel implements vscode.Disposable {
  private readonly subscriptions: vscode.Disposable[];
  private reading: AbortController | undefined;
  private timer: NodeJS.Timeout | undefined;
  /** The step that a command named while the page was not there to hear of it. */
  private goTo: number | undefined;

  constructor(
    private readonly panel: vscode.WebviewPanel,
    readonly folder: string,
    private readonly tables: StepTables,
    private readonly actions: RolloutsActions,
    extensionUri: vscode.Uri,
  ) {
    const { webview } = panel;
    const changed = () => this.refreshSoon();
    const watchers = [RUN_FOLDER.rollouts, RUN_FOLDER.checkpoints].map((name) =>
      vscode.workspace.createFileSystemWatcher(
        new vscode.RelativePattern(
          vscode.Uri.file(path.join(folder, name)),
          "*",
        ),
      ),
    );
    this.subscriptions = [
      ...watchers,
      ...watchers.flatMap((one) => [
        one.onDidCreate(changed),
        one.onDidChange(changed),
        one.onDidDelete(changed),
      ]),
      webview.onDidReceiveMessage((message: unknown) => {
        const known = readFromRolloutsPanel(message);
        if (known !== undefined) void this.receive(known);
      }),
    ];
    showPage(webview, extensionUri, "rollouts", rolloutsHtml);
  }

  /** Brings the panel to the front, at a step where one is named. */
  reveal(step: number | undefined): void {
    this.goTo = step;
    this.panel.reveal();
    void this.sendSteps();
  }

  /** Takes note of a step to go to once the page asks. */
  startAt(step: number | undefined): void {
    this.goTo = step;
  }

  dispose(): void {
    clearTimeout(this.timer);
    this.reading?.abort();
    for (const one of this.subscriptions) one.dispose();
  }

  private refreshSoon(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.sendSteps(), SETTLE);
  }

  private async receive(message: FromRolloutsPanel): Promise<void> {
    try {
      switch (message.type) {
        case "ready":
          await this.sendSteps();
          break;
        case "read":
          await this.read(message);
          break;
        case "open":
          await this.actions.open(this.folder, message.step, message.index, {
            viewColumn: this.columnForEditors(),
            preserveFocus: !message.focus,
          });
          break;
        case "inspect":
          await this.actions.inspect(this.folder, message.step);
          break;
      }
    } catch (error) {
      this.actions.failed(error);
    }
  }

  /** Beside the panel, and always the same place. */
  private columnForEditors(): vscode.ViewColumn {
    const own = this.panel.viewColumn ?? vscode.ViewColumn.One;
    return own === vscode.ViewColumn.One
      ? vscode.ViewColumn.Two
      : vscode.ViewColumn.One;
  }

  private async sendSteps(): Promise<void> {
    // A hidden panel has no page; it asks when it is shown again.
    if (!this.panel.visible) return;
    const name = path.basename(this.folder);
    const facts = await readRunFacts(this.folder).catch(
      (error: unknown) => error as Error,
    );
    const run = facts instanceof Error ? name : facts.name;
    this.panel.title = `Rollouts of ${visibleLine(run)}`;
    const steps = await rolloutSteps(this.folder);
    const checkpoints = await checkpointsOf(this.folder);
    const { goTo } = this;
    this.goTo = undefined;
    this.post({
      type: "steps",
      folder: this.folder,
      run: visibleLine(run),
      steps,
      checkpoints: checkpoints.map(({ step }) => step).reverse(),
      ...(facts instanceof Error && { problem: visibleLine(facts.message) }),
      ...(goTo !== undefined && { goTo }),
    });
  }

  private async read(request: ReadRequest): Promise<void> {
    this.reading?.abort();
    const abort = new AbortController();
    this.reading = abort;
    const { step } = request;
    try {
      const table = await this.tables.of(this.folder, step, {
        signal: abort.signal,
        onProgress: (done, total) =>
          this.post({ type: "reading", step, done, total }),
      });
      if (abort.signal.aborted) return;
      this.post({ type: "page", page: pageOf(table, request) });
    } catch (error) {
      if (abort.signal.aborted) return;
      const reason = error instanceof Error ? error.message : String(error);
      this.post({ type: "failed", step, message: visibleLine(reason) });
    }
  }

  private post(message: ToRolloutsPanel): void {
    void this.panel.webview.postMessage(message);
  }
}

function pageOf(
  { rows, bad }: StepTable,
  { step, query, offset }: ReadRequest,
): RolloutsPage {
  const matching = selectRows(rows, query);
  // Rows may have gone since the page was asked for.
  const last = Math.max(
    0,
    PAGE_ROWS * (Math.ceil(matching.length / PAGE_ROWS) - 1),
  );
  const from = Math.min(offset, last);
  return {
    step,
    query,
    offset: from,
    total: rows.length,
    matching: matching.length,
    rows: matching.slice(from, from + PAGE_ROWS).map(shownRow),
    bad: bad.slice(0, NAMED_BAD_LINES).map(({ line, message }) => ({
      line,
      message: shortened(visibleLine(message), PROMPT_LIMIT),
    })),
    badCount: bad.length,
  };
}

/** A row without its completion, and with nothing in it that a page could take for more than text. */
function shownRow(row: RolloutRow): ShownRollout {
  const { index, group, reward, advantage, length, clipped } = row;
  return {
    ...{ index, group, reward, advantage, length, clipped },
    prompt: shortened(visibleLine(row.prompt), PROMPT_LIMIT),
    entropy: row.entropy,
    kept: row.kept,
  };
}
