import { shortened, visibleText } from "../inspect/visibleText";

/** Longest name or message that is shown, in characters. */
const LIMIT = 200;

/** A name or a message from a file as one line of plain text: control characters and bidirectional marks are visible, spaces are spaces. */
export function shownName(text: string): string {
  const words = text.split(" ").map(visibleText);
  return shortened(words.join(" "), LIMIT);
}
