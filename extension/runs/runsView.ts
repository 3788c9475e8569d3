import * as vscode from "vscode";
import type { OpenedPlaces } from "./openedPlaces";
import {
  groupDescription,
  type GroupRow,
  type Row,
  runRows,
  type RunRow,
} from "./runRows";
import type { Runs } from "./runs";
import {
  runDescription,
  runFlags,
  runLabel,
  runName,
  runTooltip,
  STATE_ICONS,
} from "./runText";

/** The view "Runs": groups and runs, newest first. A click opens the run's dashboard. */
export class RunsView
  implements vscode.TreeDataProvider<Row>, vscode.Disposable
{
  private readonly changed = new vscode.EventEmitter<undefined>();
  private readonly view: vscode.TreeView<Row>;
  private readonly subscriptions: vscode.Disposable[];
  private rows: readonly Row[] = [];

  readonly onDidChangeTreeData = this.changed.event;

  constructor(
    private readonly runs: Runs,
    private readonly opened: OpenedPlaces,
  ) {
    this.rows = runRows(runs.all());
    this.view = vscode.window.createTreeView("forksight.runs", {
      treeDataProvider: this,
      canSelectMany: true,
      showCollapseAll: true,
    });
    this.subscriptions = [
      this.changed,
      this.view,
      runs.onDidChange(() => this.rebuild()),
      this.view.onDidChangeVisibility(({ visible }) => {
        if (visible) void runs.refresh();
      }),
    ];
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

  private runItem({ run }: RunRow): vscode.TreeItem {
    const item = new vscode.TreeItem(runName(run));
    item.id = run.folder;
    item.description = runDescription(run);
    const { icon, color } = STATE_ICONS[run.state];
    item.iconPath = new vscode.ThemeIcon(
      icon,
      color === undefined ? undefined : new vscode.ThemeColor(color),
    );
    item.contextValue = runFlags(run, this.opened.all().includes(run.folder));
    item.accessibilityInformation = { label: runLabel(run) };
    if (run.state !== "unreadable")
      item.command = {
        command: "forksight.openDashboard",
        title: "Open Dashboard",
        arguments: [run.folder],
      };
    return item;
  }

  private rebuild(): void {
    this.rows = runRows(this.runs.all());
    this.changed.fire(undefined);
  }
}

function groupItem(row: GroupRow): vscode.TreeItem {
  const item = new vscode.TreeItem(
    row.name,
    vscode.TreeItemCollapsibleState.Expanded,
  );
  item.id = row.folder;
  item.description = groupDescription(row);
  item.iconPath = new vscode.ThemeIcon("layers");
  item.contextValue = "group";
  item.tooltip = row.folder;
  return item;
}
