import { dirname } from "node:path";
import * as vscode from "vscode";
import { dashboardHtml } from "../../core/panels/dashboardHtml";
import {
  type FromDashboard,
  readDashboardState,
  readFromDashboard,
} from "../../core/panels/dashboardProtocol";
import { foldersOf } from "../runs/runArgument";
import { readRun } from "../runs/readRun";
import type { Run } from "../runs/run";
import { DashboardSession } from "./dashboardSession";
import { saveAllData, saveFile } from "./saving";
import { shownName } from "./shownName";
import { showPage } from "../webviewPage";

/** The shown runs' folders: a window that ends unasked, as by a crash, has not saved what the page kept. */
const KEPT = "forksight.dashboard.folders";

/** What a dashboard needs of the window's runs. */
export interface RunSource {
  all(): readonly Run[];
  get(folder: string): Run | undefined;
  readonly onDidChange: vscode.Event<unknown>;
}

/** The dashboard: one panel that draws any runs over each other. It comes back with the window. */
export class DashboardPanel
  implements vscode.WebviewPanelSerializer, vscode.Disposable
{
  static readonly viewType = "forksight.dashboard";

  private readonly subscriptions: vscode.Disposable[];
  private open_:
    { panel: vscode.WebviewPanel; session: DashboardSession } | undefined;

  constructor(
    private readonly extensionUri: vscode.Uri,
    private readonly runs: RunSource,
    /** The workspace's. */
    private readonly memento: vscode.Memento,
    /** Tells of an error that a command met. */
    private readonly fail: (error: unknown) => void,
  ) {
    this.subscriptions = [
      vscode.window.registerWebviewPanelSerializer(
        DashboardPanel.viewType,
        this,
      ),
      runs.onDidChange(() => this.open_?.session.knownChanged()),
    ];
  }

  /** The command "Open Dashboard": draws the runs that it is given, or that the user picks, over those already shown, and returns their folders. */
  async open(
    argument?: unknown,
    selected?: unknown,
  ): Promise<readonly string[]> {
    const given = foldersOf(asPaths(argument), asPaths(selected));
    const folders = given.length > 0 ? given : await this.pick();
    if (folders === undefined) return [];
    const { panel, session } = this.open_ ?? this.create();
    panel.reveal();
    await session.add(folders);
    return folders;
  }

  /** Draws a run over others of its group, where one of them is shown. Opens and reveals nothing. */
  join(folder: string): void {
    const { session } = this.open_ ?? {};
    const group = dirname(folder);
    if (session?.folders.some((one) => dirname(one) === group))
      session.add([folder]).catch(this.fail);
  }

  /** Whether a visible dashboard shows this run. */
  isShown(folder: string): boolean {
    return (
      this.open_ !== undefined &&
      this.open_.panel.visible &&
      this.open_.session.folders.includes(folder)
    );
  }

  async deserializeWebviewPanel(
    panel: vscode.WebviewPanel,
    state: unknown,
  ): Promise<void> {
    if (this.open_ !== undefined) {
      panel.dispose();
      return;
    }
    const session = this.attach(panel);
    const { folders } = readDashboardState(state);
    await session.show(
      folders.length > 0 ? folders : this.memento.get<string[]>(KEPT, []),
    );
  }

  dispose(): void {
    this.open_?.panel.dispose();
    for (const one of this.subscriptions) one.dispose();
  }

  /** Of the known runs; none of them where there is nothing to choose. */
  private async pick(): Promise<readonly string[] | undefined> {
    const known = this.runs.all();
    if (this.open_ !== undefined || known.length === 0) return [];
    const picked = await vscode.window.showQuickPick(
      known.map((run) => ({
        label: shownName(run.name),
        description: [run.group, run.state].filter(Boolean).join(", "),
        detail: run.folder,
      })),
      { canPickMany: true, placeHolder: "Runs to draw over each other" },
    );
    return picked?.map(({ detail }) => detail);
  }

  private create() {
    const panel = vscode.window.createWebviewPanel(
      DashboardPanel.viewType,
      "Training",
      vscode.ViewColumn.Active,
    );
    return { panel, session: this.attach(panel) };
  }

  private attach(panel: vscode.WebviewPanel): DashboardSession {
    const { webview } = panel;
    const session = new DashboardSession({
      post: (message) => void webview.postMessage(message),
      known: () => this.runs.all(),
      read: async (folder) =>
        this.runs.get(folder) ?? (await readRun({ folder })),
      keep: (folders) => void this.memento.update(KEPT, folders),
    });
    this.open_ = { panel, session };
    const icon = (name: string) =>
      vscode.Uri.joinPath(this.extensionUri, "media", name);
    panel.iconPath = {
      light: icon("activity-bar.svg"),
      dark: icon("panel-dark.svg"),
    };
    const subscriptions = [
      webview.onDidReceiveMessage((message: unknown) => {
        const known = readFromDashboard(message);
        if (known !== undefined) this.receive(session, known).catch(this.fail);
      }),
      panel.onDidChangeViewState(() => session.watch(panel.visible)),
    ];
    panel.onDidDispose(() => {
      for (const one of subscriptions) one.dispose();
      session.dispose();
      if (this.open_?.panel === panel) this.open_ = undefined;
    });
    showPage(webview, this.extensionUri, "dashboard", dashboardHtml);
    session.watch(panel.visible);
    return session;
  }

  private async receive(
    session: DashboardSession,
    message: FromDashboard,
  ): Promise<void> {
    switch (message.type) {
      case "saveCsv":
        await saveFile("training.csv", new TextEncoder().encode(message.text));
        break;
      case "savePng":
        await saveFile("training.png", new Uint8Array(message.bytes));
        break;
      case "saveAllCsv":
        await saveAllData("training-all.csv", session.named());
        break;
      case "stop":
        await vscode.commands.executeCommand(
          "forksight.stopRun",
          message.folder,
        );
        break;
      default:
        await session.receive(message);
    }
  }
}

/** The explorer and scripts give folders as `Uri`. */
function asPaths(argument: unknown): unknown {
  if (argument instanceof vscode.Uri) return argument.fsPath;
  return Array.isArray(argument) ? argument.map(asPaths) : argument;
}
