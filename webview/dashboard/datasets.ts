/** From rows to what chart.js draws, for each kind of chart. */
import type { ChartDataset } from "chart.js";
import {
  type ChartSpec,
  ENTROPY_BINS,
  formatted,
} from "../../core/panels/dashboardCharts";
import { columnOf } from "../../core/run/metricsColumns";
import {
  type DashboardModel,
  type Point,
  pointsOf,
  type ShownRun,
  smoothedPoints,
} from "./model";
import { type LineStyle, lineStyle, translucent } from "./palette";

/** Without `fill` it is drawn by lineController.ts, which knows of colour, width, dash and marks alone. */
export type LineDataset = ChartDataset<"line", Point[]> & {
  /** Marks along the line: about so many, of this shape. */
  readonly marks?: { readonly count: number; readonly shape: number };
};

/** A line whose values can be read off. */
export interface Reading {
  readonly run: ShownRun;
  /** Empty where a chart has one series. */
  readonly label: string;
  /** The sign of the marks along its line; left out where the line bears none. */
  readonly mark?: string;
  readonly style: LineStyle;
  /** As measured. */
  readonly points: readonly Point[];
}

export interface Drawing {
  readonly datasets: LineDataset[];
  readonly readings: readonly Reading[];
}

/** Beyond so many runs the raw lines would be a fog. */
const RAW_RUNS = 8;
/** Fewer points than this are shown as points. */
const DOTTED = 80;

const SIGNS = ["\u25cf", "\u25a0", "\u25b2", "\u25c6"] as const;

/** The marks along a line of the series with this number, as text. */
export function markOf(series: number): string {
  return SIGNS[series % SIGNS.length]!;
}

export function drawingOf(spec: ChartSpec, model: DashboardModel): Drawing {
  switch (spec.kind) {
    case "lines":
      return lines(spec, model);
    case "stack":
      return stack(spec, model);
    case "fan":
      return fan(spec, model);
    case "bins":
      return bins(model);
  }
}

function lines(spec: ChartSpec, model: DashboardModel): Drawing {
  const runs = model.visibleRuns;
  const isLog = model.state.log.includes(spec.id);
  const weight = spec.isExact ? 0 : model.state.smoothing;
  const shown = spec.series.filter(({ metric }) =>
    model.isSeriesShown(spec, metric),
  );
  const raw: LineDataset[] = [];
  const drawn: LineDataset[] = [];
  const readings: Reading[] = [];
  for (const run of runs)
    for (const { metric, label } of shown) {
      const points = pointsOf(run.columns, metric, isLog);
      if (points.length === 0) continue;
      const number = spec.series.findIndex((one) => one.metric === metric);
      const style = styleOf(run, runs.length, number, spec);
      const marker = runs.length > 1 && shown.length > 1 ? number : undefined;
      readings.push({
        run,
        label: spec.series.length > 1 ? label : "",
        ...(marker !== undefined && { mark: markOf(marker) }),
        style,
        points,
      });
      if (weight === 0) drawn.push(line(points, style, marker, spec));
      else {
        if (runs.length <= RAW_RUNS) raw.push(faint(points, style));
        drawn.push(line(smoothedPoints(points, weight), style, marker, spec));
      }
    }
  // chart.js draws the first in front.
  return { datasets: [...drawn, ...raw], readings };
}

/** One run: a look for each series. Several: the run's own, as in the legend. */
export function styleOf(
  run: ShownRun,
  runs: number,
  series: number,
  spec: ChartSpec,
): LineStyle {
  return runs > 1 || spec.series.length === 1 ? run.style : lineStyle(series);
}

function line(
  points: Point[],
  { colour, dash }: LineStyle,
  marker: number | undefined,
  spec: ChartSpec,
): LineDataset {
  const isDotted = spec.isExact === true && points.length <= DOTTED;
  // With several runs and series the dash is the run's, and a few marks along the line are the series'.
  const count = marker === undefined ? points.length : 4;
  return {
    data: points,
    borderColor: colour,
    borderWidth: 2 - 0.35 * Math.min(marker ?? 0, 2),
    borderDash: [...dash],
    ...((isDotted || marker !== undefined) && {
      marks: { count, shape: (marker ?? 0) % SIGNS.length },
    }),
  };
}

function faint(points: Point[], { colour }: LineStyle): LineDataset {
  return {
    data: points,
    borderColor: translucent(colour, 0.28),
    borderWidth: 1,
  };
}

function stack(spec: ChartSpec, { focus }: DashboardModel): Drawing {
  if (focus === undefined) return { datasets: [], readings: [] };
  const total = pointsOf(focus.columns, "step_time");
  const parts = spec.series.map(({ metric, label }, i) => ({
    label,
    style: lineStyle(i),
    points: pointsOf(focus.columns, metric),
  }));
  const known = new Map<number, number>();
  const datasets = parts.map(({ points, style }, i): LineDataset => {
    const stacked = points.map(({ x, y }) => {
      const sum = (known.get(x) ?? 0) + y;
      known.set(x, sum);
      return { x, y: sum };
    });
    return area(stacked, style, i === 0 ? "origin" : "-1");
  });
  const rest = total.map(({ x, y }) => ({ x, y: y - (known.get(x) ?? 0) }));
  const other = { label: "other", style: lineStyle(7), points: rest };
  datasets.push(area(total, other.style, "-1"));
  return {
    datasets,
    readings: [...parts, other].map((part) => ({ run: focus, ...part })),
  };
}

function area(points: Point[], style: LineStyle, fill: string): LineDataset {
  return {
    data: points,
    borderColor: style.colour,
    backgroundColor: translucent(style.colour, 0.35),
    borderWidth: 1.2,
    pointRadius: 0,
    fill,
  };
}

/** Percentiles that are read off and drawn as lines. */
const FAN_LINES = [10, 16, 20];

function fan(spec: ChartSpec, model: DashboardModel): Drawing {
  const { focus } = model;
  if (focus === undefined) return { datasets: [], readings: [] };
  const isLog = model.state.log.includes(spec.id);
  const points = spec.series.map(({ metric }) =>
    pointsOf(focus.columns, metric, isLog),
  );
  const { colour } = focus.style;
  const middle = (points.length - 1) / 2;
  const datasets: LineDataset[] = [];
  for (let i = 0; i < middle; i++) {
    datasets.push({
      data: points[points.length - 1 - i]!,
      borderWidth: 0,
      pointRadius: 0,
      backgroundColor: translucent(colour, 0.11),
      fill: "+1",
    });
    datasets.push({
      data: points[i]!,
      borderWidth: 0,
      pointRadius: 0,
      fill: false,
    });
  }
  const read = FAN_LINES.filter((at) => at < points.length);
  const readings = read.map((at, i) => ({
    run: focus,
    label: at === 20 ? "highest" : (spec.series[at]?.label ?? ""),
    style: { colour, dash: lineStyle(i).dash },
    points: points[at]!,
  }));
  const lines = readings.map(({ points: data, style }): LineDataset => ({
    data: [...data],
    borderColor: style.colour,
    borderDash: [...style.dash],
    borderWidth: 1.4,
    pointRadius: 0,
  }));
  // In front of the bands, whose fills refer to their neighbours by position.
  return { datasets: [...lines, ...datasets], readings };
}

/** Steps at which some visible run was compared with its base, ascending. */
export function comparedSteps(model: DashboardModel): number[] {
  const steps = model.visibleRuns.flatMap(({ columns }) =>
    pointsOf(columns, ENTROPY_BINS.at(-1)!).map(({ x }) => x),
  );
  return [...new Set(steps)].sort((a, b) => a - b);
}

function bins(model: DashboardModel): Drawing {
  const wanted = model.binStep ?? comparedSteps(model).at(-1);
  const readings: Reading[] = [];
  for (const run of model.visibleRuns) {
    // Runs are compared with their bases at steps of their own: the last one up to there.
    const at = pointsOf(run.columns, ENTROPY_BINS.at(-1)!).findLast(
      ({ x }) => x <= (wanted ?? -1),
    );
    if (at === undefined) continue;
    const row = columnOf(run.columns, "step")!.indexOf(at.x);
    const points = ENTROPY_BINS.map((metric, i) => ({
      x: 5 * i + 2.5,
      y: columnOf(run.columns, metric)?.[row] ?? NaN,
    })).filter(({ y }) => Number.isFinite(y));
    readings.push({ run, label: "", style: run.style, points });
  }
  const datasets = readings.map(({ points, style }): LineDataset => ({
    data: [...points],
    borderColor: style.colour,
    backgroundColor: translucent(style.colour, 0.2),
    borderDash: [...style.dash],
    borderWidth: 2,
    pointRadius: 2.5,
    fill: readings.length === 1 ? "origin" : false,
  }));
  return { datasets, readings };
}

/** A chart in words, for those who do not see it. */
export function described(
  spec: ChartSpec,
  readings: readonly Reading[],
): string {
  const parts = readings.slice(0, 12).flatMap(({ run, label, points }) => {
    const last = points.at(-1);
    if (last === undefined) return [];
    const name = label === "" ? run.head.name : `${run.head.name}, ${label}`;
    const at = spec.kind === "bins" ? `bin ${last.x}` : `step ${last.x}`;
    return [`${name}: ${formatted(last.y, spec.format)} at ${at}`];
  });
  const more =
    readings.length > parts.length && parts.length > 0
      ? `; ${readings.length - parts.length} more`
      : "";
  const unit = spec.unit === "" ? "" : ` in ${spec.unit}`;
  return `${spec.title}${unit}. ${parts.join("; ")}${more}.`;
}
