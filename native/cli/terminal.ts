/** A trainer's progress in a terminal: one line that is rewritten, and notes that stay. Elsewhere nothing. */
import type { Onlooker } from "../trainer/statusBoard";

/** Milliseconds between two rewritings of the line. */
const RARELY = 100;

export interface Terminal {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** @param terminal standard output; a write that fails must not throw (the terminal may have been closed) */
export function terminalOnlooker(terminal: Terminal): Onlooker {
  if (!terminal.isTTY) return { line: () => undefined, note: () => undefined };
  let shown = "";
  let last = 0;
  const erase = () => {
    if (shown) terminal.write("\r\u001b[2K");
    shown = "";
  };
  return {
    line: (text) => {
      if (text !== "" && Date.now() - last < RARELY) return;
      erase();
      last = Date.now();
      shown = printable(text).slice(0, (terminal.columns ?? 80) - 1);
      terminal.write(shown);
    },
    note: (text) => {
      erase();
      terminal.write(`${printable(text)}\n`);
    },
  };
}

/** Names come from files: no control characters into the terminal. */
function printable(text: string): string {
  return text.replace(/\p{Cc}+/gu, " ");
}
