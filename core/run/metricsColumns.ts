/** Metrics of a run as columns of numbers: how they cross to a panel, and how charts read them. */
import type { MetricsLine } from "./folder";

/** Rows in order of steps. */
export interface MetricsColumns {
  /** Names of the columns; `step` is among them. */
  readonly names: readonly string[];
  readonly rows: number;
  /** One column after the other, `names.length * rows` numbers; NaN where a line lacks the quantity or has null. */
  readonly values: Float64Array;
}

/** A file may come from anywhere: so many columns at most, the first ones that appear. */
export const COLUMN_LIMIT = 512;

/** Longest array that becomes columns: percentiles have 21 numbers, bins 20. */
const ARRAY_LIMIT = 64;

/** Longest name of a metric, in UTF-16 units. */
const NAME_LIMIT = 200;

/** Name of the column of one element of an array, such as `entropy/percentiles[10]`. */
export function elementName(name: string, index: number): string {
  return `${name}[${index}]`;
}

/** Whether a column is an element of an array. */
export function isElementName(name: string): boolean {
  return /\[\d+\]$/.test(name);
}

/** A line of metrics.jsonl; undefined where it is none. Quicker than the schema's check, for many lines. */
export function parseMetricsLine(text: string): MetricsLine | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof json !== "object" || json === null) return undefined;
  const { step } = json as { step?: unknown };
  return typeof step === "number" && Number.isFinite(step)
    ? (json as MetricsLine)
    : undefined;
}

/** The numbers of some lines, sorted by step; of two lines of one step the later one counts. Anything but numbers and arrays of them is left out. */
export function toColumns(lines: readonly MetricsLine[]): MetricsColumns {
  const ordered = sortedByStep(lines);
  const columns = new Map<string, Float64Array>();
  const put = (name: string, row: number, value: unknown) => {
    if (typeof value !== "number" || !Number.isFinite(value)) return;
    let column = columns.get(name);
    if (column === undefined) {
      if (columns.size >= COLUMN_LIMIT || name.length > NAME_LIMIT) return;
      column = new Float64Array(ordered.length).fill(NaN);
      columns.set(name, column);
    }
    column[row] = value;
  };
  ordered.forEach((line, row) => {
    for (const name of Object.keys(line)) {
      const value = line[name];
      if (!Array.isArray(value)) put(name, row, value);
      else if (value.length <= ARRAY_LIMIT)
        value.forEach((one, i) => put(elementName(name, i), row, one));
    }
  });
  const values = new Float64Array(columns.size * ordered.length);
  [...columns.values()].forEach((column, i) =>
    values.set(column, i * ordered.length),
  );
  return { names: [...columns.keys()], rows: ordered.length, values };
}

/** A view of one column; undefined where there is none of that name. */
export function columnOf(
  columns: MetricsColumns,
  name: string,
): Float64Array | undefined {
  const index = columns.names.indexOf(name);
  if (index < 0) return undefined;
  const start = index * columns.rows;
  return columns.values.subarray(start, start + columns.rows);
}

function sortedByStep(lines: readonly MetricsLine[]): readonly MetricsLine[] {
  const ascends = lines.every(
    ({ step }, i) => i === 0 || step > lines[i - 1]!.step,
  );
  if (ascends) return lines;
  const byStep = new Map(lines.map((line) => [line.step, line]));
  return [...byStep.values()].sort((a, b) => a.step - b.step);
}
