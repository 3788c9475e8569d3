import * as vscode from "vscode";
import { bucketOf } from "../../core/annotation/buckets";
import { type ForkOrder, forkIndexAt } from "../../core/annotation/forks";
import type { Annotations } from "./annotations";
import type { FollowedEditor } from "./followedEditor";
import {
  type ForkLeaf,
  type ForkRow,
  forkAlternatives,
  forkLabel,
  forkRows,
} from "./forkRows";
import type { LiveTrace } from "./liveTrace";
import { hoverText } from "./hoverText";
import { sharingPlace } from "./hover";

/** Milliseconds between a change and the view's: typing and moving the cursor come in bursts. */
const SETTLE = 120;

/**
 * The view "Forks": the active trace's forks, in order or by entropy. A click goes to the fork; moving the cursor
 * selects the fork it is at, without taking the focus.
 */
export class ForksView
  implements vscode.TreeDataProvider<ForkRow>, vscode.Disposable
{
  private readonly changed = new vscode.EventEmitter<undefined>();
  private readonly view: vscode.TreeView<ForkRow>;
  private readonly subscriptions: vscode.Disposable[];
  private rows: readonly ForkRow[] = [];
  private live: LiveTrace | undefined;
  private order: ForkOrder = "position";
  private refreshTimer: NodeJS.Timeout | undefined;
  private cursorTimer: NodeJS.Timeout | undefined;

  readonly onDidChangeTreeData = this.changed.event;

  constructor(
    private readonly annotations: Annotations,
    private readonly followed: FollowedEditor,
  ) {
    this.view = vscode.window.createTreeView("forksight.forks", {
      treeDataProvider: this,
      showCollapseAll: false,
    });
    this.subscriptions = [
      this.changed,
      this.view,
      annotations.onDidChange(() => this.refreshSoon()),
      followed.onDidChange(() => this.refreshSoon()),
      vscode.window.onDidChangeTextEditorSelection(({ textEditor }) => {
        if (textEditor === followed.editor) this.followCursorSoon();
      }),
      this.view.onDidChangeVisibility(({ visible }) => {
        if (visible) this.refresh();
      }),
    ];
    this.refresh();
  }

  setOrder(order: ForkOrder): void {
    this.order = order;
    void vscode.commands.executeCommand(
      "setContext",
      "forksight.forkOrder",
      order,
    );
    this.rebuild();
  }

  getChildren(row?: ForkRow): ForkRow[] {
    if (row === undefined) return [...this.rows];
    return row.kind === "group" ? [...row.leaves] : [];
  }

  getParent(row: ForkRow): ForkRow | undefined {
    return row.kind === "fork" ? row.group : undefined;
  }

  getTreeItem(row: ForkRow): vscode.TreeItem {
    const { live } = this;
    const { editor } = this.followed;
    if (live === undefined || editor === undefined)
      return new vscode.TreeItem("");
    const lines = this.annotations.linesOf(editor.document);
    const lineOf = ({ fork }: ForkLeaf) =>
      lines.lineAt(live.region.start + fork.start) + 1;
    if (row.kind === "group") return groupItem(row, this.order, lineOf);
    const { fork } = row;
    const item = new vscode.TreeItem(forkLabel(live, fork));
    item.id = String(fork.token);
    const others = forkAlternatives(live, fork);
    item.description = `${fork.entropy.toFixed(2)} nats · line ${lineOf(row)}${others && ` · or  ${others}`}`;
    item.iconPath = new vscode.ThemeIcon(
      bucketOf(fork.entropy) >= 4 ? "circle-filled" : "circle-outline",
      new vscode.ThemeColor("forksight.entropy.fork"),
    );
    item.accessibilityInformation = {
      label: `Fork ${forkLabel(live, fork)}, entropy ${fork.entropy.toFixed(2)} nats, line ${lineOf(row)}`,
    };
    item.command = {
      command: "forksight.revealFork",
      title: "Reveal Fork",
      arguments: [fork.token, editor.document.uri.toString()],
    };
    return item;
  }

  resolveTreeItem(item: vscode.TreeItem, row: ForkRow): vscode.TreeItem {
    if (row.kind === "fork" && this.live !== undefined) {
      const place = sharingPlace(this.live.columns, row.fork.token);
      item.tooltip = new vscode.MarkdownString(hoverText(this.live, place));
    }
    return item;
  }

  dispose(): void {
    clearTimeout(this.refreshTimer);
    clearTimeout(this.cursorTimer);
    for (const one of this.subscriptions) one.dispose();
  }

  private refreshSoon(): void {
    clearTimeout(this.refreshTimer);
    this.refreshTimer = setTimeout(() => this.refresh(), SETTLE);
  }

  private refresh(): void {
    const document = this.followed.editor?.document;
    const live = document && this.annotations.of(document.uri)?.live;
    if (live === this.live) return;
    this.live = live;
    this.rebuild();
  }

  private rebuild(): void {
    const { live } = this;
    this.rows = live === undefined ? [] : forkRows(live.forks, this.order);
    this.view.description =
      live === undefined
        ? ""
        : `${live.cut.forks.length.toLocaleString("en")} of ${live.columns.start.length.toLocaleString("en")} tokens`;
    this.changed.fire(undefined);
    this.followCursorSoon();
  }

  private followCursorSoon(): void {
    clearTimeout(this.cursorTimer);
    this.cursorTimer = setTimeout(() => void this.followCursor(), SETTLE);
  }

  private async followCursor(): Promise<void> {
    const { live } = this;
    const { editor } = this.followed;
    if (!this.view.visible || live === undefined || editor === undefined)
      return;
    const lines = this.annotations.linesOf(editor.document);
    const offset = lines.offsetAt(editor.selection.start) - live.region.start;
    const fork = live.forks[forkIndexAt(live.forks, offset)];
    const row = fork && this.leafOf(fork.token);
    if (row === undefined || this.view.selection[0] === row) return;
    try {
      await this.view.reveal(row, { select: true, focus: false });
    } catch {
      // The rows changed while it was revealed; the next refresh does it again.
    }
  }

  private leafOf(token: number): ForkLeaf | undefined {
    for (const row of this.rows) {
      if (row.kind === "fork") {
        if (row.fork.token === token) return row;
      } else {
        const leaf = row.leaves.find((one) => one.fork.token === token);
        if (leaf !== undefined) return leaf;
      }
    }
    return undefined;
  }
}

function groupItem(
  group: Extract<ForkRow, { kind: "group" }>,
  order: ForkOrder,
  lineOf: (leaf: ForkLeaf) => number,
): vscode.TreeItem {
  const { first, leaves } = group;
  const item = new vscode.TreeItem(
    `Forks ${first.toLocaleString("en")} to ${(first + leaves.length - 1).toLocaleString("en")}`,
    first === 1
      ? vscode.TreeItemCollapsibleState.Expanded
      : vscode.TreeItemCollapsibleState.Collapsed,
  );
  item.id = `group ${first}`;
  const head = leaves[0]!;
  const tail = leaves.at(-1)!;
  item.description =
    order === "position"
      ? `lines ${lineOf(head)} to ${lineOf(tail)}`
      : `${head.fork.entropy.toFixed(2)} to ${tail.fork.entropy.toFixed(2)} nats`;
  return item;
}
