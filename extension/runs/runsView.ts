import * as vscode from "vscode";
import type { Comparisons } from "../arms/comparisons";
import { shortened, visibleText } from "../../core/panels/visibleText";
import type { OpenedPlaces } from "./openedPlaces";
import {
  groupDescription,
  type GroupRow,
  type Row,
  runRows,
  type RunRow,
  updateRows,
} from "./runRows";
import { isLive, isResumable } from "./run";
import type { Runs } from "./runs";
import {
  runDescription,
  runFlags,
  runLabel,
  runName,
  runTooltip,
  DIVERGING,
  STATE_ICONS,
} from "./runText";

/** The view "Runs": groups and runs, newest first. A click opens the run's dashboard. */
export class RunsView
  implements vscode.TreeDataProvider<Row>, vscode.Disposable
{
  private readonly changed = new vscode.EventEmitter<Row[] | undefined>();
  private readonly view: vscode.TreeView<Row>;
  private readonly subscriptions: vscode.Disposable[];
  private readonly contexts = new Map<string, boolean>();
  private rows: readonly Row[] = [];

  readonly onDidChangeTreeData = this.changed.event;

  constructor(
    private readonly runs: Runs,
    private readonly opened: OpenedPlaces,
    private readonly comparisons: Comparisons,
  ) {
    this.view = vscode.window.createTreeView("forksight.runs", {
      treeDataProvider: this,
      canSelectMany: true,
      showCollapseAll: true,
    });
    this.subscriptions = [
      this.changed,
      this.view,
      runs.onDidChange(() => this.rebuild()),
      comparisons.onDidChange(() => this.rebuild()),
      this.view.onDidChangeVisibility(({ visible }) => {
        if (visible) void runs.refresh();
      }),
    ];
    this.rebuild();
  }

  getChildren(row?: Row): Row[] {
    if (row === undefined) return [...this.rows];
    return row.kind === "group" ? [...row.rows] : [];
  }

  getParent(row: Row): Row | undefined {
    return row.kind === "run" ? row.parent : undefined;
  }

  getTreeItem(row: Row): vscode.TreeItem {
    return row.kind === "group" ? groupItem(row) : this.runItem(row);
  }

  resolveTreeItem(item: vscode.TreeItem, row: Row): vscode.TreeItem {
    if (row.kind === "run")
      item.tooltip = new vscode.MarkdownString(runTooltip(row.run));
    return item;
  }

  dispose(): void {
    for (const one of this.subscriptions) one.dispose();
  }

  private runItem({ run, beside }: RunRow): vscode.TreeItem {
    const item = new vscode.TreeItem(runName(run));
    item.id = run.folder;
    item.description = runDescription(run, beside);
    const { icon, color } =
      run.divergence === undefined ? STATE_ICONS[run.state] : DIVERGING;
    item.iconPath = new vscode.ThemeIcon(
      icon,
      color === undefined ? undefined : new vscode.ThemeColor(color),
    );
    item.contextValue = runFlags(run, this.opened.of(run.folder) !== undefined);
    item.accessibilityInformation = { label: runLabel(run, beside) };
    if (run.state !== "unreadable")
      item.command = {
        command: "forksight.openDashboard",
        title: "Open Dashboard",
        arguments: [run.folder],
      };
    return item;
  }

  private rebuild(): void {
    const all = this.runs.all();
    const fresh = runRows(all, (folder) => this.comparisons.waitingIn(folder));
    const changed = updateRows(this.rows, fresh);
    if (changed === undefined) this.rows = fresh;
    this.changed.fire(changed);
    this.setContext("hasRuns", all.length > 0);
    this.setContext("hasLiveRuns", all.some(isLive));
    this.setContext("hasResumableRuns", all.some(isResumable));
  }

  /** For the `when` clauses of package.json. */
  private setContext(name: string, value: boolean): void {
    if (this.contexts.get(name) === value) return;
    this.contexts.set(name, value);
    void vscode.commands.executeCommand(
      "setContext",
      `forksight.${name}`,
      value,
    );
  }
}

function groupItem(row: GroupRow): vscode.TreeItem {
  const item = new vscode.TreeItem(
    shortened(visibleText(row.name), 100),
    vscode.TreeItemCollapsibleState.Expanded,
  );
  item.id = row.folder;
  item.description = groupDescription(row);
  item.iconPath = new vscode.ThemeIcon("layers");
  item.contextValue = row.waiting.length > 0 ? "group waiting" : "group";
  item.tooltip = row.folder;
  return item;
}
