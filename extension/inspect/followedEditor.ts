import * as vscode from "vscode";

/**
 * The editor that the views in the side bar tell of: the active one, or the one that was opened while the focus is in a
 * panel, as from the table of rollouts. It stays until another is active, or until no tab shows its document.
 */
export class FollowedEditor implements vscode.Disposable {
  private current = vscode.window.activeTextEditor;
  private visible = vscode.window.visibleTextEditors;
  private readonly changed = new vscode.EventEmitter<void>();
  private readonly subscriptions = [
    this.changed,
    vscode.window.onDidChangeActiveTextEditor((active) => {
      if (active !== undefined) this.follow(active);
    }),
    vscode.window.onDidChangeVisibleTextEditors((visible) => {
      const opened = visible.filter((one) => !this.visible.includes(one));
      this.visible = visible;
      const [only] = opened;
      if (
        vscode.window.activeTextEditor === undefined &&
        only !== undefined &&
        opened.length === 1
      )
        this.follow(only);
    }),
    vscode.window.tabGroups.onDidChangeTabs(({ closed }) => {
      if (closed.length === 0 || this.current === undefined) return;
      // VS Code keeps a document for some minutes after its last tab.
      if (!isInTab(this.current.document.uri)) this.follow(undefined);
    }),
  ];

  /** Another editor, or none. */
  readonly onDidChange = this.changed.event;

  get editor(): vscode.TextEditor | undefined {
    return this.current;
  }

  dispose(): void {
    for (const one of this.subscriptions) one.dispose();
  }

  private follow(editor: vscode.TextEditor | undefined): void {
    this.current = editor;
    this.changed.fire();
  }
}

function isInTab(uri: vscode.Uri): boolean {
  const wanted = uri.toString();
  return vscode.window.tabGroups.all
    .flatMap(({ tabs }) => tabs)
    .some(({ input }) =>
      input instanceof vscode.TabInputText
        ? input.uri.toString() === wanted
        : input instanceof vscode.TabInputTextDiff &&
          [input.original, input.modified].some(
            (side) => side.toString() === wanted,
          ),
    );
}
