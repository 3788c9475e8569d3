import * as vscode from "vscode";
import { tokenAt } from "../../core/annotation/tokenLookup";
import type { Annotations } from "../inspect/annotations";
import { comparisonHover } from "./comparisonText";
import type { ModelComparisons } from "./modelComparisons";

/** Shows what both models made of the token under the pointer. */
export class ComparisonHover implements vscode.HoverProvider {
  constructor(
    private readonly comparisons: ModelComparisons,
    private readonly annotations: Annotations,
  ) {}

  provideHover(
    document: vscode.TextDocument,
    position: vscode.Position,
  ): vscode.Hover | undefined {
    const shown = this.comparisons.of(document.uri);
    if (shown === undefined) return undefined;
    const lines = this.annotations.linesOf(document);
    const offset = lines.offsetAt(position) - shown.origin;
    const row = tokenAt(shown.comparison, offset);
    if (row === undefined) return undefined;
    const text = new vscode.MarkdownString(comparisonHover(shown, row));
    text.isTrusted = false;
    text.supportHtml = false;
    return new vscode.Hover(text);
  }
}
