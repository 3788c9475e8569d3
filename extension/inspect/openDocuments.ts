import * as vscode from "vscode";
import { readSettings } from "../configuration";
import { RECORD_SCHEME } from "../records/recordUri";
import type { Annotations } from "./annotations";
import type { Annotator } from "./annotator";

/** Languages that `forksight.annotateOnOpen` annotates. */
const LANGUAGES = new Set(["plaintext", "markdown", "forksight-trace"]);
const SCHEMES = new Set(["file", "untitled", "vscode-remote", RECORD_SCHEME]);
const REMEMBERED = "forksight.annotated";
/** Documents that are remembered, the latest last. */
const MOST_REMEMBERED = 200;

/**
 * What happens by itself when documents are shown: those that were annotated are annotated again from the cache, and,
 * where the setting says so, plain text and records are annotated.
 */
export class OpenDocuments implements vscode.Disposable {
  private readonly subscriptions: vscode.Disposable[];
  /** Shown documents that were looked at; a document that was cleared stays bare. */
  private readonly seen = new Set<string>();

  constructor(
    private readonly annotations: Annotations,
    private readonly annotator: Annotator,
    private readonly state: vscode.Memento,
    /** Shows what was recorded for a document; false where nothing was. */
    private readonly showRecorded: (
      document: vscode.TextDocument,
    ) => Promise<boolean>,
  ) {
    this.subscriptions = [
      vscode.window.onDidChangeVisibleTextEditors(() => this.look()),
      vscode.workspace.onDidOpenTextDocument(() => this.look()),
      vscode.workspace.onDidCloseTextDocument(({ uri }) => this.onClose(uri)),
      vscode.workspace.onDidGrantWorkspaceTrust(() => {
        this.seen.clear();
        this.look();
      }),
      annotations.onDidChange(({ uri, what }) => {
        if (what === "scored") this.remember(uri, true);
        else if (what === "cleared") this.remember(uri, false);
      }),
    ];
    this.look();
  }

  dispose(): void {
    for (const one of this.subscriptions) one.dispose();
  }

  private look(): void {
    for (const { document } of vscode.window.visibleTextEditors) {
      const { uri } = document;
      const key = uri.toString();
      if (this.seen.has(key) || !SCHEMES.has(uri.scheme)) continue;
      this.seen.add(key);
      if (this.annotations.of(uri) || this.annotator.runOf(uri)) continue;
      void this.annotate(document);
    }
  }

  private async annotate(document: vscode.TextDocument): Promise<void> {
    const remembered = this.remembered().includes(document.uri.toString());
    const onOpen =
      readSettings(document.uri).annotateOnOpen &&
      vscode.workspace.isTrusted &&
      LANGUAGES.has(document.languageId);
    if (remembered) {
      if (await this.showRecorded(document)) return;
      const found = await this.annotator.annotate(document, {
        asked: false,
        cacheOnly: true,
      });
      if (found) return;
    }
    if (onOpen && document.getText().trim() !== "")
      await this.annotator.annotate(document, { asked: false });
  }

  /** An annotation is not kept for a closed document: when it is shown again, the cache has it. */
  private onClose(uri: vscode.Uri): void {
    const wasAnnotated = this.annotations.of(uri) !== undefined;
    this.seen.delete(uri.toString());
    this.annotator.clear(uri);
    if (wasAnnotated) this.remember(uri, true);
  }

  private remembered(): readonly string[] {
    return this.state.get<string[]>(REMEMBERED, []);
  }

  private remember(uri: vscode.Uri, annotated: boolean): void {
    if (uri.scheme === "untitled") return;
    const key = uri.toString();
    const before = this.remembered();
    if (annotated && before.at(-1) === key) return;
    const others = before.filter((one) => one !== key);
    const after = annotated ? [...others, key] : others;
    void this.state.update(REMEMBERED, after.slice(-MOST_REMEMBERED));
  }
}
