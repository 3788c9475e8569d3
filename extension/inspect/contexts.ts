import * as vscode from "vscode";
import type { Annotations } from "./annotations";
import type { Annotator } from "./annotator";
import { RECORD_SCHEME } from "../records/recordUri";

/** Keeps the context keys that menus, keybindings and enablement read (package.json) true to the active editor. */
export class ContextKeys implements vscode.Disposable {
  private readonly known = new Map<string, boolean>();
  private readonly subscriptions: vscode.Disposable[];

  constructor(
    private readonly annotations: Annotations,
    private readonly annotator: Annotator,
  ) {
    const update = () => this.update();
    this.subscriptions = [
      annotations.onDidChange(update),
      annotator.onRun(update),
      vscode.window.onDidChangeActiveTextEditor(update),
    ];
    this.update();
  }

  dispose(): void {
    for (const one of this.subscriptions) one.dispose();
  }

  private update(): void {
    const uri = vscode.window.activeTextEditor?.document.uri;
    const annotated = uri !== undefined && this.isAnnotated(uri);
    this.set("forksight.annotated", annotated);
    this.set("forksight.isRecord", uri?.scheme === RECORD_SCHEME);
    this.set(
      "forksight.scoring",
      uri !== undefined && this.annotator.runOf(uri) !== undefined,
    );
    if (annotated) this.set("forksight.everAnnotated", true);
  }

  private isAnnotated(uri: vscode.Uri): boolean {
    return this.annotations.of(uri)?.live !== undefined;
  }

  private set(name: string, value: boolean): void {
    if (this.known.get(name) === value) return;
    this.known.set(name, value);
    void vscode.commands.executeCommand("setContext", name, value);
  }
}
