/** The values under a chart: at the cursor, or the latest. */
import { type ChartSpec, formatted } from "../../core/panels/dashboardCharts";
import { visibleLine } from "../../core/panels/visibleText";
import type { Reading } from "./datasets";
import { nearestPoint, type Point } from "./model";
import { swatch } from "./palette";

/** A line's value that is read off. */
interface Value {
  readonly reading: Reading;
  readonly point: Point;
}

/** Runs that are listed; the highest ones where there are more. */
const MOST_RUNS = 8;

/**
 * Fills a table: a row a run and a column a series where there are several of both; else a row a line.
 * @param step undefined: the latest of each
 */
export function fillReadout(
  table: HTMLTableElement,
  spec: ChartSpec,
  readings: readonly Reading[],
  step: number | undefined,
): void {
  const values = readings.flatMap((reading): Value[] => {
    const { points } = reading;
    const point =
      step === undefined ? points.at(-1) : nearestPoint(points, step);
    return point === undefined ? [] : [{ reading, point }];
  });
  const runs = new Set(values.map(({ reading }) => reading.run.head.folder));
  const labels = [...new Set(values.map(({ reading }) => reading.label))];
  const isGrid = runs.size > 1 && labels.length > 1;
  const groups = isGrid
    ? [...runs].map((folder) =>
        values.filter(({ reading }) => reading.run.head.folder === folder),
      )
    : values.map((value) => [value]);
  const isCut = groups.length > MOST_RUNS;
  if (isCut) groups.sort((a, b) => b[0]!.point.y - a[0]!.point.y);
  const rows = groups
    .slice(0, MOST_RUNS)
    .map((group) => row(group, isGrid ? labels : undefined, spec, runs.size));
  if (isGrid)
    rows.unshift(
      headRow(
        labels.map((wanted) =>
          titleOf(values.find(({ reading }) => reading.label === wanted)!),
        ),
      ),
    );
  if (isCut) rows.push(noteRow(`the ${MOST_RUNS} highest of ${groups.length}`));
  table.classList.toggle("list", !isGrid);
  table.tBodies[0]!.replaceChildren(...rows);
}

function row(
  group: readonly Value[],
  labels: readonly string[] | undefined,
  spec: ChartSpec,
  runs: number,
): HTMLTableRowElement {
  const element = document.createElement("tr");
  const { run, label, style } = group[0]!.reading;
  const head = document.createElement("th");
  head.scope = "row";
  const name = document.createElement("span");
  const isOfRun = labels !== undefined || label === "" || runs > 1;
  name.textContent = isOfRun ? run.head.name : titleOf(group[0]!);
  head.append(swatch(style), name);
  element.append(head);
  if (labels === undefined) valueCell(element, group[0], spec);
  else
    for (const wanted of labels)
      valueCell(
        element,
        group.find(({ reading }) => reading.label === wanted),
        spec,
      );
  return element;
}

/** A series' label, with the sign that its lines bear. */
function titleOf({ reading }: Value): string {
  const { mark, label } = reading;
  return (mark === undefined ? "" : `${mark} `) + visibleLine(label);
}

function valueCell(
  row: HTMLTableRowElement,
  value: Value | undefined,
  spec: ChartSpec,
): void {
  const cell = row.insertCell();
  if (value === undefined) return;
  const { x, y } = value.point;
  cell.textContent = formatted(y, spec.format);
  const place = spec.kind === "bins" ? `percentile ${x}` : `step ${x}`;
  cell.title = `${value.reading.run.head.name}, ${place}: ${y}`;
}

function headRow(labels: readonly string[]): HTMLTableRowElement {
  const element = document.createElement("tr");
  for (const label of ["", ...labels]) {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.textContent = label;
    element.append(cell);
  }
  return element;
}

function noteRow(text: string): HTMLTableRowElement {
  const element = document.createElement("tr");
  const cell = element.insertCell();
  cell.className = "note";
  cell.textContent = text;
  return element;
}
