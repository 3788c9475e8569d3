import { shortened, visibleLine } from "../../core/panels/visibleText";

/** Longest name or message that is shown, in characters. */
const LIMIT = 200;

/** A name or a message from a file as one line of plain text: control characters and bidirectional marks are visible, spaces are spaces. */
export function shownName(text: string): string {
  return shortened(visibleLine(text), LIMIT);
}
