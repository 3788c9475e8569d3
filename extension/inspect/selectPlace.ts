import * as vscode from "vscode";
import type { OffsetRange } from "../../core/annotation/tokenLookup";
import type { LineIndex } from "./lineIndex";

/**
 * Selects a place of the coloured region and brings it into view.
 * @param origin UTF-16 offset in the document at which the region starts
 * @param place UTF-16 offsets relative to that
 */
export function selectPlace(
  editor: vscode.TextEditor,
  lines: LineIndex,
  origin: number,
  place: OffsetRange,
): void {
  const start = lines.positionAt(origin + place.start);
  const end = lines.positionAt(origin + place.end);
  const range = new vscode.Range(
    start.line,
    start.character,
    end.line,
    end.character,
  );
  editor.selection = new vscode.Selection(range.start, range.end);
  editor.revealRange(
    range,
    vscode.TextEditorRevealType.InCenterIfOutsideViewport,
  );
}
