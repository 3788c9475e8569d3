/** What the page knows: the runs, their rows, and how it shall show them. */
import {
  type ChartSpec,
  chartsFor,
  type Charts,
} from "../../core/panels/dashboardCharts";
import {
  type DashboardState,
  type RunHead,
  type ToDashboard,
  unpacked,
} from "../../core/panels/dashboardProtocol";
import { visibleLine } from "../../core/panels/visibleText";
import { columnOf, type MetricsColumns } from "../../core/run/metricsColumns";
import { smoothed } from "../../core/run/smoothing";
import { tellApart } from "../../core/run/tellApart";
import { type LineStyle, lineStyle } from "./palette";

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** A run with its rows. */
export interface ShownRun {
  readonly head: RunHead;
  readonly style: LineStyle;
  readonly columns: MetricsColumns;
  readonly isComplete: boolean;
  readonly bad: number;
}

type Of<Type extends ToDashboard["type"]> = Extract<
  ToDashboard,
  { type: Type }
>;

const NO_COLUMNS: MetricsColumns = {
  names: [],
  rows: 0,
  values: new Float64Array(),
};

/** With more runs than this, a chart shows its first series alone until told otherwise. */
const MANY_RUNS = 4;

export class DashboardModel {
  known: Of<"runs">["known"] = [];
  settings: Of<"settings"> | undefined;
  /** The step under the cursor. */
  cursor: number | undefined;
  /** The step whose change of entropy is drawn; undefined: the last. */
  binStep: number | undefined;
  private heads: readonly RunHead[] = [];
  /** Colours stay with their runs while others come and go. */
  private readonly slots = new Map<string, number>();
  private readonly rows = new Map<
    string,
    Pick<ShownRun, "columns" | "isComplete" | "bad">
  >();

  private all: readonly ShownRun[] | undefined;
  private visible: readonly ShownRun[] | undefined;

  constructor(public state: DashboardState) {}

  /** All runs that are drawn, hidden ones too, in their order. */
  get runs(): readonly ShownRun[] {
    return (this.all ??= this.heads.map((head) => ({
      head,
      style: lineStyle(this.slots.get(head.folder) ?? 0),
      columns: NO_COLUMNS,
      isComplete: true,
      bad: 0,
      ...this.rows.get(head.folder),
    })));
  }

  get visibleRuns(): readonly ShownRun[] {
    const hidden = new Set(this.state.hiddenRuns);
    return (this.visible ??= this.runs.filter(
      ({ head }) => !hidden.has(head.folder),
    ));
  }

  /** What follows from runs, state and theme is made anew. */
  changed(): void {
    this.all = this.visible = undefined;
  }

  /** The run of the charts that have room for one. */
  get focus(): ShownRun | undefined {
    const runs = this.visibleRuns;
    return runs.find(({ head }) => head.folder === this.state.focus) ?? runs[0];
  }

  /** Whether rows of every run have come. */
  get hasAllRows(): boolean {
    return this.heads.every(({ folder }) => this.rows.has(folder));
  }

  get charts(): Charts {
    const names = this.heads.flatMap(
      ({ folder }) => this.rows.get(folder)?.columns.names ?? [],
    );
    return chartsFor(new Set(names));
  }

  setRuns({ shown, known }: Of<"runs">): void {
    this.heads = distinct(shown);
    this.known = distinct(known);
    const folders = new Set(shown.map(({ folder }) => folder));
    for (const folder of this.slots.keys())
      if (!folders.has(folder)) {
        this.slots.delete(folder);
        this.rows.delete(folder);
      }
    for (const folder of folders)
      if (!this.slots.has(folder)) this.slots.set(folder, this.freeSlot());
  }

  setColumns({ runs }: Of<"columns">): void {
    for (const run of runs) {
      const columns = unpacked(run);
      if (columns === undefined) continue;
      const { isComplete, bad } = run;
      this.rows.set(run.folder, { columns, isComplete, bad });
    }
  }

  /** @returns false where rows before these are missing */
  append(message: Of<"append">): boolean {
    const before = this.rows.get(message.folder);
    const more = unpacked(message);
    if (before?.columns.rows !== message.after || more === undefined)
      return false;
    this.rows.set(message.folder, {
      ...before,
      columns: joined(before.columns, more),
    });
    return true;
  }

  /** First and last step that is shown. */
  get extent(): { from: number; to: number } {
    if (this.state.range !== null) return this.state.range;
    return this.wholeExtent;
  }

  get wholeExtent(): { from: number; to: number } {
    let from = Infinity;
    let to = -Infinity;
    for (const { columns } of this.visibleRuns) {
      const steps = columnOf(columns, "step");
      if (steps === undefined || steps.length === 0) continue;
      from = Math.min(from, steps[0]!);
      to = Math.max(to, steps.at(-1)!);
    }
    return from <= to
      ? { from, to: Math.max(to, from + 1) }
      : { from: 0, to: 1 };
  }

  isSeriesShown(spec: ChartSpec, metric: string): boolean {
    const chosen = this.state.series[seriesKey(spec.id, metric)];
    if (chosen !== undefined) return chosen;
    const isFirst = spec.series[0]?.metric === metric;
    return isFirst || this.visibleRuns.length <= MANY_RUNS;
  }

  private freeSlot(): number {
    const taken = new Set(this.slots.values());
    let slot = 0;
    while (taken.has(slot)) slot += 1;
    return slot;
  }
}

/** Under which the user's choice of a series is kept. */
export function seriesKey(chart: string, metric: string): string {
  return `${chart} ${metric}`;
}

/** The finite values of a quantity, by step. @param isLog leaves out what has no logarithm */
export function pointsOf(
  columns: MetricsColumns,
  metric: string,
  isLog = false,
): Point[] {
  const steps = columnOf(columns, "step");
  const values = columnOf(columns, metric);
  if (steps === undefined || values === undefined) return [];
  const points: Point[] = [];
  for (let i = 0; i < steps.length; i++) {
    const y = values[i]!;
    if (Number.isFinite(y) && (!isLog || y > 0))
      points.push({ x: steps[i]!, y });
  }
  return points;
}

/** The same points, smoothed. */
export function smoothedPoints(
  points: readonly Point[],
  weight: number,
): Point[] {
  const values = smoothed(
    points.map(({ x }) => x),
    points.map(({ y }) => y),
    weight,
  );
  return points.map(({ x }, i) => ({ x, y: values[i]! }));
}

/** The point whose step is nearest; undefined where there is none. Points ascend. */
export function nearestPoint(
  points: readonly Point[],
  step: number,
): Point | undefined {
  let low = 0;
  let high = points.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle]!.x < step) low = middle + 1;
    else high = middle;
  }
  const above = points[low];
  const below = points[low - 1];
  if (above === undefined || below === undefined) return above ?? below;
  return step - below.x < above.x - step ? below : above;
}

/** Runs of one name get beside it what tells them apart. */
function distinct<Head extends Pick<RunHead, "folder" | "name" | "group">>(
  heads: readonly Head[],
): Head[] {
  const beside = tellApart(heads);
  return heads.map((head, i) =>
    beside[i] === ""
      ? head
      : { ...head, name: `${head.name} (${visibleLine(beside[i]!)})` },
  );
}

function joined(one: MetricsColumns, other: MetricsColumns): MetricsColumns {
  const names = [...new Set([...one.names, ...other.names])];
  const rows = one.rows + other.rows;
  const values = new Float64Array(names.length * rows).fill(NaN);
  names.forEach((name, i) => {
    values.set(columnOf(one, name) ?? [], i * rows);
    values.set(columnOf(other, name) ?? [], i * rows + one.rows);
  });
  return { names, rows, values };
}
