/** CSV as RFC 4180 and pandas' `to_csv` have it: comma, double quotes, a header line. */
import { FormatError } from "./formatError";

/**
 * Rows by the header's names, every value a text.
 * @throws FormatError for a quote that is not closed
 */
export function readCsv(text: string): Record<string, string>[] {
  const [header = [], ...rows] = cellsOf(text.replace(/^\uFEFF/, ""));
  return rows.map((cells) =>
    Object.fromEntries(header.map((name, i) => [name, cells[i] ?? ""])),
  );
}

function cellsOf(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let at = 0;
  while (at < text.length) {
    const { cell, end } = text[at] === '"' ? quoted(text, at) : bare(text, at);
    row.push(cell);
    at = end;
    if (text[at] === ",") {
      at++;
      // A comma at the end of the text is followed by an empty cell.
      if (at < text.length) continue;
      row.push("");
    }
    if (text[at] === "\r") at++;
    if (text[at] === "\n") at++;
    if (row.length > 1 || row[0] !== "") rows.push(row);
    row = [];
  }
  return rows;
}

function bare(text: string, from: number): { cell: string; end: number } {
  let end = from;
  while (end < text.length && !",\r\n".includes(text[end]!)) end++;
  return { cell: text.slice(from, end), end };
}

function quoted(text: string, from: number): { cell: string; end: number } {
  for (let at = from + 1; ; at++) {
    at = text.indexOf('"', at);
    if (at < 0)
      throw new FormatError(
        `the quote that opens at character ${from + 1} is not closed`,
      );
    if (text[at + 1] === '"') at++;
    else {
      const cell = text.slice(from + 1, at).replaceAll('""', '"');
      // What stands between a closing quote and the comma belongs to nothing.
      return { cell, end: bare(text, at + 1).end };
    }
  }
}
