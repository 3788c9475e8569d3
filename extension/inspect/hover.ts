import * as vscode from "vscode";
import { tokenAt } from "../../core/annotation/tokenLookup";
import type { Annotations } from "./annotations";
import { hoverText } from "./hoverText";
import type { LiveColumns } from "./liveTrace";

/** Shows what the model made of the token under the pointer. Built only when somebody points at it. */
export class TokenHover implements vscode.HoverProvider {
  constructor(private readonly annotations: Annotations) {}

  provideHover(
    document: vscode.TextDocument,
    position: vscode.Position,
  ): vscode.Hover | undefined {
    const live = this.annotations.of(document.uri)?.live;
    if (live === undefined) return undefined;
    const lines = this.annotations.linesOf(document);
    const origin = live.region.start;
    const index = tokenAt(live.columns, lines.offsetAt(position) - origin);
    if (index === undefined) return undefined;
    const text = new vscode.MarkdownString(
      hoverText(live, sharingPlace(live.columns, index)),
    );
    text.isTrusted = false;
    text.supportHtml = false;
    const start = lines.positionAt(origin + live.columns.start[index]!);
    const end = lines.positionAt(origin + live.columns.end[index]!);
    return new vscode.Hover(
      text,
      new vscode.Range(start.line, start.character, end.line, end.character),
    );
  }
}

/** A token and those behind it that only continue its last character. */
export function sharingPlace(columns: LiveColumns, index: number): number[] {
  const { start, end } = columns;
  const place = [index];
  for (
    let i = index + 1;
    i < start.length && start[i] === end[i] && start[i]! <= end[index]!;
    i++
  )
    place.push(i);
  return place;
}
