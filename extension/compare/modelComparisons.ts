import * as vscode from "vscode";
import type { Comparison } from "../../core/annotation/compareTraces";
import type { ScoredTrace } from "../../core/annotation/scoredTrace";
import type { Annotations } from "../inspect/annotations";
import type { Veil } from "../inspect/painter";
import type { Contender } from "./contenders";

/** A comparison on a document. */
export interface ShownComparison {
  readonly uri: vscode.Uri;
  readonly a: Contender;
  readonly b: Contender;
  /** As model A scored the text: its tokens are those that are shown. */
  readonly traceA: ScoredTrace;
  readonly comparison: Comparison;
  /** UTF-16 offset in the document at which the compared text starts. */
  readonly origin: number;
}

/**
 * The comparisons of this window by document. One ends when its document changes, closes, or is annotated anew: its
 * colours would stand on other characters, or on an annotation.
 */
export class ModelComparisons implements vscode.Disposable, Veil {
  private readonly byUri = new Map<string, ShownComparison>();
  private readonly changed = new vscode.EventEmitter<vscode.Uri>();
  private readonly subscriptions: vscode.Disposable[];

  readonly onDidChange = this.changed.event;

  constructor(annotations: Annotations) {
    this.subscriptions = [
      this.changed,
      vscode.workspace.onDidChangeTextDocument((event) => {
        if (event.contentChanges.length > 0) this.end(event.document.uri);
      }),
      vscode.workspace.onDidCloseTextDocument(({ uri }) => this.end(uri)),
      annotations.onDidChange(({ uri, what }) => {
        if (what === "scored") this.end(uri);
      }),
    ];
  }

  covers(uri: vscode.Uri): boolean {
    return this.byUri.has(uri.toString());
  }

  of(uri: vscode.Uri): ShownComparison | undefined {
    return this.byUri.get(uri.toString());
  }

  /** The documents with one. */
  uris(): readonly vscode.Uri[] {
    return [...this.byUri.values()].map(({ uri }) => uri);
  }

  put(shown: ShownComparison): void {
    this.byUri.set(shown.uri.toString(), shown);
    this.changed.fire(shown.uri);
  }

  end(uri: vscode.Uri): void {
    if (this.byUri.delete(uri.toString())) this.changed.fire(uri);
  }

  dispose(): void {
    for (const one of this.subscriptions) one.dispose();
  }
}
