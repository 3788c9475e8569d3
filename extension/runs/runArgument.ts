import type { Row } from "./runRows";

/**
 * The run folders that a command was called with: a folder, several, a row of the view "Runs" (a group means its runs),
 * and the view's other selected rows, which VS Code passes as a second argument.
 * @returns absolute paths without repetition; empty where it was called with none, as from the palette
 */
export function foldersOf(argument?: unknown, selected?: unknown): string[] {
  const asked = foldersIn(argument);
  // A context menu opened outside the selection means its own row alone, and then VS Code passes no selection.
  const all = [...asked, ...foldersIn(selected)];
  return [...new Set(all)];
}

function foldersIn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (Array.isArray(value)) return value.flatMap(foldersIn);
  if (!isRow(value)) return [];
  return value.kind === "run"
    ? [value.run.folder]
    : value.rows.map(({ run }) => run.folder);
}

function isRow(value: unknown): value is Row {
  const kind = (value as Partial<Row> | null | undefined)?.kind;
  return kind === "run" || kind === "group";
}
