/** What the page can save: a picture of its charts, and the numbers that they show. */
import type { ChartSpec } from "../../core/panels/dashboardCharts";
import { csvRow } from "../../core/run/csv";
import { columnOf } from "../../core/run/metricsColumns";
import { themeValue } from "../theme";
import { type DashboardModel, pointsOf, smoothedPoints } from "./model";
import { visibleLine } from "../../core/panels/visibleText";

/**
 * The rows of the visible runs in the range of steps that is shown, with the quantities of the charts that are shown; beside
 * each smoothed one its smoothed values.
 */
export function shownCsv(
  model: DashboardModel,
  specs: readonly ChartSpec[],
): string {
  const { smoothing } = model.state;
  const columns = specs.flatMap((spec) =>
    spec.series
      .filter(
        ({ metric }) =>
          spec.kind !== "lines" || model.isSeriesShown(spec, metric),
      )
      .map(({ metric }) => ({
        metric,
        isSmoothed:
          spec.kind === "lines" && spec.isExact !== true && smoothing > 0,
      })),
  );
  const head = columns.flatMap(({ metric, isSmoothed }) =>
    isSmoothed
      ? [metric, `${metric} (smoothed ${smoothing.toFixed(2)})`]
      : [metric],
  );
  let text = csvRow(["run", "step", ...head]);
  const { from, to } = model.extent;
  for (const run of model.visibleRuns) {
    const steps = columnOf(run.columns, "step") ?? new Float64Array();
    const values = columns.flatMap(({ metric, isSmoothed }) => {
      const raw = columnOf(run.columns, metric);
      if (!isSmoothed) return [(row: number) => raw?.[row]];
      const curve = new Map(
        smoothedPoints(pointsOf(run.columns, metric), smoothing).map(
          ({ x, y }) => [x, y],
        ),
      );
      return [
        (row: number) => raw?.[row],
        (row: number) => curve.get(steps[row]!),
      ];
    });
    for (let row = 0; row < steps.length; row++) {
      const step = steps[row]!;
      if (step < from || step > to) continue;
      const cells = values.map((value) => value(row) ?? null);
      text += csvRow([run.head.name, step, ...cells]);
    }
  }
  return text;
}

/** A chart that is drawn, for the picture. */
export interface DrawnChart {
  readonly spec: ChartSpec;
  readonly canvas: HTMLCanvasElement;
}

/** CSS pixels. */
const MARGIN = 16;
const TITLE = 26;
const LEGEND = 24;

/** One picture of all given charts with their titles and the runs' legend, as PNG, in the theme's colours. */
export async function picture(
  model: DashboardModel,
  charts: readonly DrawnChart[],
): Promise<ArrayBuffer> {
  const ratio = window.devicePixelRatio || 1;
  const width = Math.max(
    320,
    ...charts.map(({ canvas }) => canvas.clientWidth),
  );
  const height = Math.max(
    160,
    ...charts.map(({ canvas }) => canvas.clientHeight),
  );
  const across = Math.min(3, Math.max(1, Math.ceil(Math.sqrt(charts.length))));
  const down = Math.ceil(charts.length / across);
  const runs = model.visibleRuns;
  const top = MARGIN + runs.length * LEGEND;
  const canvas = document.createElement("canvas");
  canvas.width = ratio * (MARGIN + across * (width + MARGIN));
  canvas.height = ratio * (top + down * (height + TITLE + MARGIN));
  const context = canvas.getContext("2d")!;
  context.scale(ratio, ratio);
  const family = themeValue("font-family", "sans-serif");
  context.fillStyle = themeValue("editor.background", "#ffffff");
  context.fillRect(0, 0, canvas.width, canvas.height);
  const text = themeValue("foreground", "#808080");
  runs.forEach(({ head, style }, i) => {
    const y = MARGIN + i * LEGEND + LEGEND / 2;
    context.strokeStyle = style.colour;
    context.lineWidth = 2.5;
    context.setLineDash([...style.dash]);
    context.beginPath();
    context.moveTo(MARGIN, y);
    context.lineTo(MARGIN + 32, y);
    context.stroke();
    context.fillStyle = text;
    context.font = `13px ${family}`;
    context.fillText(head.name, MARGIN + 42, y + 4);
  });
  charts.forEach((chart, i) => {
    const x = MARGIN + (i % across) * (width + MARGIN);
    const y = top + Math.floor(i / across) * (height + TITLE + MARGIN);
    const { title, unit } = chart.spec;
    context.fillStyle = text;
    context.font = `600 13px ${family}`;
    const shown = visibleLine(title);
    context.fillText(unit === "" ? shown : `${shown} (${unit})`, x, y + 16);
    const { clientWidth, clientHeight } = chart.canvas;
    context.drawImage(chart.canvas, x, y + TITLE, clientWidth, clientHeight);
  });
  const blob = await new Promise<Blob | null>((resolve) =>
    canvas.toBlob(resolve, "image/png"),
  );
  if (blob === null)
    throw new Error("the picture is larger than the browser can draw");
  return blob.arrayBuffer();
}
