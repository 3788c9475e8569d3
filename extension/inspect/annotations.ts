import * as vscode from "vscode";
import type { CutRule } from "../../core/annotation/cut";
import { LineIndex } from "./lineIndex";
import type { LiveTrace, TextEdit } from "./liveTrace";

/** What of a document is coloured. */
export type Extent = "whole" | "selection" | "record";

/** A document that is annotated, or is being scored for the first time. */
export interface AnnotatedDocument {
  readonly uri: vscode.Uri;
  readonly extent: Extent;
  /** Undefined until the first score has come. */
  readonly live: LiveTrace | undefined;
}

export type AnnotationChange = {
  readonly uri: vscode.Uri;
  /**
   * scored: a trace was put in place. edited: tokens moved with the text. cut: other tokens are forks now.
   * cleared: the document is bare again.
   */
  readonly what: "scored" | "edited" | "cut" | "cleared";
};

/**
 * The annotations of this window by document. They survive the closing of an editor, and they follow every edit of
 * their document, so that what is painted always stands on the characters it was measured for.
 */
export class Annotations implements vscode.Disposable {
  private readonly byUri = new Map<string, AnnotatedDocument>();
  private readonly changed = new vscode.EventEmitter<AnnotationChange>();
  private readonly lines = new WeakMap<
    vscode.TextDocument,
    { readonly version: number; readonly index: LineIndex }
  >();
  private readonly subscriptions: vscode.Disposable[];

  readonly onDidChange = this.changed.event;

  constructor() {
    this.subscriptions = [
      this.changed,
      vscode.workspace.onDidChangeTextDocument((event) => this.follow(event)),
    ];
  }

  of(uri: vscode.Uri): AnnotatedDocument | undefined {
    return this.byUri.get(uri.toString());
  }

  /** The trace on the active editor's document, if there is one. */
  active():
    | { readonly editor: vscode.TextEditor; readonly live: LiveTrace }
    | undefined {
    const editor = vscode.window.activeTextEditor;
    const live = editor && this.of(editor.document.uri)?.live;
    return live && { editor, live };
  }

  put(uri: vscode.Uri, extent: Extent, live: LiveTrace): void {
    this.byUri.set(uri.toString(), { uri, extent, live });
    this.changed.fire({ uri, what: "scored" });
  }

  clear(uri: vscode.Uri): void {
    if (this.byUri.delete(uri.toString()))
      this.changed.fire({ uri, what: "cleared" });
  }

  /** Applies a cut to all of them but those that a mask was recorded for. */
  recut(ruleOf: (uri: vscode.Uri) => CutRule): void {
    for (const [key, one] of this.byUri) {
      if (one.live === undefined || one.live.trace.recorded) continue;
      const live = one.live.withCut(ruleOf(one.uri));
      this.byUri.set(key, { ...one, live });
      this.changed.fire({ uri: one.uri, what: "cut" });
    }
  }

  /** The line starts of a document as it is now. */
  linesOf(document: vscode.TextDocument): LineIndex {
    const known = this.lines.get(document);
    if (known?.version === document.version) return known.index;
    const index = new LineIndex(document.getText());
    this.lines.set(document, { version: document.version, index });
    return index;
  }

  dispose(): void {
    for (const one of this.subscriptions) one.dispose();
  }

  private follow(event: vscode.TextDocumentChangeEvent): void {
    const key = event.document.uri.toString();
    const one = this.byUri.get(key);
    if (one?.live === undefined || event.contentChanges.length === 0) return;
    const live = afterEdits(one.live, editsOf(event), one.extent);
    this.byUri.set(key, { ...one, live });
    this.changed.fire({ uri: one.uri, what: "edited" });
  }
}

/** A document's changes as edits to be applied one after the other (VS Code lists the last in the text first). */
export function editsOf(event: vscode.TextDocumentChangeEvent): TextEdit[] {
  return event.contentChanges.map((change) => ({
    offset: change.rangeOffset,
    removed: change.rangeLength,
    inserted: change.text.length,
  }));
}

/** A trace after some edits of its document. */
export function afterEdits(
  live: LiveTrace,
  edits: readonly TextEdit[],
  extent: Extent,
): LiveTrace {
  return edits.reduce(
    (moved, edit) => moved.afterEdit(edit, extent === "whole"),
    live,
  );
}
