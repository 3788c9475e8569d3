import * as vscode from "vscode";
import { FATE, largestChanges } from "../../core/annotation/compareTraces";
import type { Annotations } from "../inspect/annotations";
import type { FollowedEditor } from "../inspect/followedEditor";
import {
  changeText,
  comparisonHover,
  comparisonMessage,
  fateText,
  overlapText,
  tokenText,
} from "./comparisonText";
import type { ModelComparisons, ShownComparison } from "./modelComparisons";

/** Changes that are listed. */
const LISTED = 200;

const ICONS: Readonly<Record<number, string>> = {
  [FATE.none]: "circle-outline",
  [FATE.kept]: "circle-filled",
  [FATE.gained]: "diff-added",
  [FATE.lost]: "diff-removed",
};

/** The view "Comparison": the largest changes of entropy on the active document, and the overlap. There only while there is one. */
export class ComparisonView
  implements vscode.TreeDataProvider<number>, vscode.Disposable
{
  private readonly changed = new vscode.EventEmitter<undefined>();
  private readonly view: vscode.TreeView<number>;
  private readonly subscriptions: vscode.Disposable[];
  private shown: ShownComparison | undefined;
  private rows: number[] = [];

  readonly onDidChangeTreeData = this.changed.event;

  constructor(
    private readonly comparisons: ModelComparisons,
    private readonly annotations: Annotations,
    private readonly followed: FollowedEditor,
  ) {
    this.view = vscode.window.createTreeView("forksight.comparison", {
      treeDataProvider: this,
    });
    this.subscriptions = [
      this.changed,
      this.view,
      comparisons.onDidChange(() => this.follow()),
      followed.onDidChange(() => this.follow()),
    ];
  }

  getChildren(row?: number): number[] {
    return row === undefined ? this.rows : [];
  }

  getTreeItem(row: number): vscode.TreeItem {
    const { shown } = this;
    if (shown === undefined) return new vscode.TreeItem("");
    const { comparison, origin, uri } = shown;
    const fate = comparison.fate[row]!;
    const token = tokenText(shown, row);
    const change = changeText(comparison, row);
    const document = vscode.workspace.textDocuments.find(
      (one) => one.uri.toString() === uri.toString(),
    );
    const line =
      document &&
      this.annotations
        .linesOf(document)
        .lineAt(origin + comparison.start[row]!) + 1;
    const item = new vscode.TreeItem(token);
    item.id = String(row);
    item.description = [change, fateText(fate), `line ${line ?? ""}`]
      .filter((part) => part !== "")
      .join(" · ");
    item.iconPath = new vscode.ThemeIcon(ICONS[fate]!);
    item.accessibilityInformation = {
      label: `${token}, entropy from ${change}, ${fateText(fate)}`,
    };
    item.command = {
      command: "forksight.revealChange",
      title: "Reveal",
      arguments: [row, uri.toString()],
    };
    return item;
  }

  resolveTreeItem(item: vscode.TreeItem, row: number): vscode.TreeItem {
    if (this.shown !== undefined)
      item.tooltip = new vscode.MarkdownString(
        comparisonHover(this.shown, row),
      );
    return item;
  }

  dispose(): void {
    for (const one of this.subscriptions) one.dispose();
  }

  private follow(): void {
    const uri = this.followed.editor?.document.uri;
    const shown = uri && this.comparisons.of(uri);
    void vscode.commands.executeCommand(
      "setContext",
      "forksight.comparing",
      shown !== undefined,
    );
    if (shown === this.shown) return;
    this.shown = shown;
    this.rows =
      shown === undefined ? [] : largestChanges(shown.comparison, LISTED);
    this.view.message = shown === undefined ? "" : comparisonMessage(shown);
    this.view.description =
      shown === undefined ? "" : overlapText(shown.comparison);
    this.changed.fire(undefined);
  }
}
