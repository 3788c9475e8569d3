import * as vscode from "vscode";
import { counted } from "../counted";
import { nextFork } from "../../core/annotation/forks";
import { type Paragraph, paragraphs } from "../../core/annotation/paragraphs";
import { SECTION, readSettings } from "../configuration";
import type { Annotations } from "./annotations";

/** Above each paragraph: its tokens, mean entropy and forks. A click goes to the paragraph's first fork. */
export class ParagraphLens implements vscode.CodeLensProvider {
  private readonly changed = new vscode.EventEmitter<void>();
  private readonly subscriptions: vscode.Disposable[];

  readonly onDidChangeCodeLenses = this.changed.event;

  constructor(private readonly annotations: Annotations) {
    this.subscriptions = [
      this.changed,
      annotations.onDidChange(() => this.changed.fire()),
      vscode.workspace.onDidChangeConfiguration((change) => {
        if (change.affectsConfiguration(`${SECTION}.codeLens`))
          this.changed.fire();
      }),
    ];
  }

  provideCodeLenses(document: vscode.TextDocument): vscode.CodeLens[] {
    const live = this.annotations.of(document.uri)?.live;
    if (live === undefined || !readSettings(document.uri).codeLens) return [];
    const { start, end } = live.region;
    const text = document.getText().slice(start, end);
    const lines = this.annotations.linesOf(document);
    return paragraphs(text, live.columns, live.cut).map((paragraph) => {
      const line = lines.lineAt(start + paragraph.start);
      const range = new vscode.Range(line, 0, line, 0);
      const title = lensTitle(paragraph, live.trace.recorded !== undefined);
      const behind = nextFork(live.forks, paragraph.start - 1, false);
      const first = behind && behind.start < paragraph.end ? behind : undefined;
      return new vscode.CodeLens(
        range,
        first === undefined
          ? { title, command: "" }
          : {
              title,
              command: "forksight.revealFork",
              arguments: [first.token, document.uri.toString()],
              tooltip: "Go to this paragraph's first fork",
            },
      );
    });
  }

  dispose(): void {
    for (const one of this.subscriptions) one.dispose();
  }
}

function lensTitle(
  { tokens, meanEntropy, forks }: Paragraph,
  isRecorded: boolean,
): string {
  const parts = [counted(tokens, "token")];
  if (meanEntropy !== null)
    parts.push(`mean entropy ${meanEntropy.toFixed(2)} nats`);
  parts.push(counted(forks, isRecorded ? "kept token" : "fork"));
  return parts.join(" · ");
}
