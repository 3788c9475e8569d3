import { join } from "node:path";
import { csvRow } from "../../core/run/csv";
import type { MetricsLine } from "../../core/run/folder";
import { RUN_FOLDER } from "../../core/run/folder";
import { columnOf, toColumns } from "../../core/run/metricsColumns";
import { MetricsFile } from "./metricsFile";

/** A run whose data are written. */
export interface NamedRun {
  readonly folder: string;
  readonly name: string;
}

/**
 * Every line of some runs' metrics as one table in pieces of text: `run`, `step`, then every quantity that any of them has,
 * elements of arrays as columns of their own. The files are read twice, in chunks: once for the names.
 * @param isCancelled asked between chunks
 */
export async function* allData(
  runs: readonly NamedRun[],
  isCancelled: () => boolean = () => false,
): AsyncGenerator<string> {
  const names = new Set(["step"]);
  for (const { folder } of runs)
    for await (const lines of linesOf(folder)) {
      if (isCancelled()) return;
      for (const name of toColumns(lines).names) names.add(name);
    }
  yield csvRow(["run", ...names]);
  for (const { folder, name } of runs)
    for await (const lines of linesOf(folder)) {
      if (isCancelled()) return;
      yield rowsOf(name, [...names], lines);
    }
}

async function* linesOf(folder: string): AsyncGenerator<MetricsLine[]> {
  const file = new MetricsFile(join(folder, RUN_FOLDER.metrics), 0);
  for await (const rows of file.lines()) yield rows.map(({ line }) => line);
}

function rowsOf(
  run: string,
  names: readonly string[],
  lines: readonly MetricsLine[],
): string {
  const columns = toColumns(lines);
  const values = names.map((name) => columnOf(columns, name));
  let text = "";
  for (let row = 0; row < columns.rows; row++)
    text += csvRow([run, ...values.map((column) => column?.[row] ?? null)]);
  return text;
}
