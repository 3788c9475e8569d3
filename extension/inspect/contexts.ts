import * as vscode from "vscode";
import type { Annotations } from "./annotations";
import { SECTION, readSettings } from "../configuration";
import type { Annotator } from "./annotator";
import { RECORD_SCHEME, parseRecordUri } from "../records/recordUri";
import { rolloutPlace } from "../../core/run/folder";

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
      vscode.workspace.onDidChangeConfiguration((change) => {
        if (change.affectsConfiguration(`${SECTION}.adapterPath`)) update();
      }),
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
    const record = uri && parseRecordUri(uri);
    this.set(
      "forksight.isRollout",
      record !== undefined && rolloutPlace(record.file) !== undefined,
    );
    const live = uri && this.annotations.of(uri)?.live;
    this.set("forksight.recorded", live?.trace.recorded !== undefined);
    this.set(
      "forksight.scoring",
      uri !== undefined && this.annotator.runOf(uri) !== undefined,
    );
    this.set("forksight.hasAdapter", readSettings(uri).adapterPath !== "");
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
