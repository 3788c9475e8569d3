/** The settings in which the shown runs differ, a column a run. */
import type { DashboardModel } from "./model";
import { swatch } from "./palette";

/** @returns a line that tells what is in the table; empty where there is nothing to compare */
export function fillSettings(
  table: HTMLTableElement,
  { settings, runs }: DashboardModel,
): string {
  const columns = (settings?.folders ?? []).flatMap((folder, i) => {
    const run = runs.find(({ head }) => head.folder === folder);
    return run === undefined ? [] : [{ run, i }];
  });
  if (settings === undefined || columns.length < 2) return "";
  const head = document.createElement("tr");
  head.append(headCell("Setting", "col"));
  for (const { run } of columns) {
    const cell = headCell("", "col");
    cell.append(swatch(run.style), run.head.name);
    head.append(cell);
  }
  table.tHead!.replaceChildren(head);
  table.tBodies[0]!.replaceChildren(
    ...settings.differences.map(({ name, values }) => {
      const row = document.createElement("tr");
      row.append(headCell(name, "row"));
      for (const { i } of columns) {
        const cell = row.insertCell();
        const value = values[i] ?? null;
        cell.textContent = value ?? "\u2013";
        cell.title = value ?? "not set";
      }
      return row;
    }),
  );
  const { length } = settings.differences;
  if (length === 0) return "These runs have the same settings";
  return length === 1
    ? "1 setting differs"
    : `${length.toLocaleString("en")} settings differ`;
}

function headCell(text: string, scope: string): HTMLTableCellElement {
  const cell = document.createElement("th");
  cell.scope = scope;
  cell.textContent = text;
  return cell;
}
