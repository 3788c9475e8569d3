import path from "node:path";
import * as vscode from "vscode";
import { type CutRule, cutTrace } from "../../core/annotation/cut";
import { scorerName } from "../../core/annotation/scorerName";
import { histogram } from "../../core/annotation/histogram";
import type { ScoredTrace } from "../../core/annotation/scoredTrace";
import { summarize, type TokenMean } from "../../core/annotation/statistics";
import { statisticsHtml } from "../../core/panels/statisticsHtml";
import {
  type FromStatisticsView,
  readFromStatisticsView,
  type ShownTrace,
  type ToStatisticsView,
} from "../../core/panels/statisticsProtocol";
import type { Annotations } from "./annotations";
import type { FollowedEditor } from "./followedEditor";
import type { LiveTrace } from "./liveTrace";
import { selectPlace } from "./selectPlace";
import { nextPlaceOf } from "./tokenPlaces";
import { shortened, visibleText } from "../../core/panels/visibleText";
import { showPage } from "../webviewPage";

/** Milliseconds between a change and the view's: typing comes in bursts. */
const SETTLE = 120;

/** Longest token text that is sent, in characters. */
const TOKEN_LIMIT = 60;

type Numbers = Pick<ShownTrace, "summary" | "histogram">;

/** The view "Entropy": the statistics of the active trace, drawn by webview/statistics. */
export class StatisticsView
  implements vscode.WebviewViewProvider, vscode.Disposable
{
  static readonly id = "forksight.statistics";

  private readonly subscriptions: vscode.Disposable[];
  private view: vscode.WebviewView | undefined;
  private timer: NodeJS.Timeout | undefined;
  /** The numbers depend on trace and rule alone, and an edit changes neither. */
  private known:
    { trace: ScoredTrace; rule: CutRule; numbers: Numbers } | undefined;

  constructor(
    private readonly extensionUri: vscode.Uri,
    private readonly annotations: Annotations,
    private readonly followed: FollowedEditor,
  ) {
    this.subscriptions = [
      vscode.window.registerWebviewViewProvider(StatisticsView.id, this),
      annotations.onDidChange(() => this.refreshSoon()),
      followed.onDidChange(() => this.refreshSoon()),
    ];
  }

  resolveWebviewView(view: vscode.WebviewView): void {
    this.view = view;
    const { webview } = view;
    const received = webview.onDidReceiveMessage((message: unknown) => {
      const known = readFromStatisticsView(message);
      if (known !== undefined) void this.receive(known);
    });
    view.onDidDispose(() => {
      received.dispose();
      if (this.view === view) this.view = undefined;
    });
    showPage(webview, this.extensionUri, "statistics", statisticsHtml);
  }

  dispose(): void {
    clearTimeout(this.timer);
    for (const one of this.subscriptions) one.dispose();
  }

  private async receive(message: FromStatisticsView): Promise<void> {
    switch (message.type) {
      case "ready":
        this.refresh();
        break;
      case "annotate":
        await vscode.commands.executeCommand("forksight.annotate");
        break;
      case "setCut":
        await vscode.commands.executeCommand("forksight.setCut");
        break;
      case "revealToken":
        await this.reveal(message.id);
        break;
    }
  }

  private refreshSoon(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.refresh(), SETTLE);
  }

  private refresh(): void {
    // A hidden view has no page; it asks when it is shown again.
    if (!this.view?.visible) return;
    void this.view.webview.postMessage(this.message());
  }

  private message(): ToStatisticsView {
    const uri = this.followed.editor?.document.uri;
    const live = uri && this.annotations.of(uri)?.live;
    if (uri === undefined || live === undefined) return { type: "nothing" };
    const trace = {
      document: path.posix.basename(uri.path),
      model: scorerName(live.trace),
      isFresh: live.isFresh,
      ...this.numbersOf(live),
    };
    return { type: "show", trace };
  }

  private numbersOf({ trace, cut: { rule } }: LiveTrace): Numbers {
    if (this.known?.trace === trace && this.known.rule === rule)
      return this.known.numbers;
    const cut = cutTrace(trace.entropy, rule);
    const summary = summarize(trace, cut);
    const numbers: Numbers = {
      summary: {
        ...summary,
        topTokens: summary.topTokens.map(shown),
        bottomTokens: summary.bottomTokens.map(shown),
      },
      histogram: histogram(cut.sorted),
    };
    this.known = { trace, rule, numbers };
    return numbers;
  }

  /** Selects the token's next place behind the cursor; the focus stays in the view, so that one can go on. */
  private async reveal(id: number): Promise<void> {
    const document = this.followed.editor?.document;
    const live = document && this.annotations.of(document.uri)?.live;
    if (document === undefined || live === undefined) return;
    const key = document.uri.toString();
    const editor =
      vscode.window.visibleTextEditors.find(
        (one) => one.document.uri.toString() === key,
      ) ??
      (await vscode.window.showTextDocument(document, { preserveFocus: true }));
    const lines = this.annotations.linesOf(editor.document);
    const origin = live.region.start;
    const cursor = lines.offsetAt(editor.selection.start) - origin;
    const place = nextPlaceOf(live, id, cursor);
    if (place === undefined) return;
    selectPlace(editor, lines, origin, place);
  }
}

function shown(token: TokenMean): TokenMean {
  return { ...token, text: shortened(visibleText(token.text), TOKEN_LIMIT) };
}
