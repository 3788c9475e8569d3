/** chart.js as the dashboard uses it: lines over steps, without its own tooltip and legend. */
import {
  Chart,
  type ChartConfiguration,
  Decimation,
  Filler,
  type FontSpec,
  LinearScale,
  type LinearScaleOptions,
  LineElement,
  LogarithmicScale,
  type Plugin,
  PointElement,
  type Scale,
} from "chart.js";
import { toFont } from "chart.js/helpers";
import zoomPlugin from "chartjs-plugin-zoom";
import { type ChartSpec, tickText } from "../../core/panels/dashboardCharts";
import type { StepRange } from "../../core/panels/dashboardProtocol";
import { themeValue } from "../theme";
import { QUICK_LINE, QuickLineController } from "./lineController";
import type { Point } from "./model";

Chart.register(
  Decimation,
  Filler,
  LinearScale,
  LineElement,
  LogarithmicScale,
  PointElement,
  QuickLineController,
  zoomPlugin,
);

export type LineChart = Chart<"line", Point[]>;

/** Points of a line on the screen: about one a pixel. */
const SAMPLES = 350;

/** Width of the vertical axis in CSS pixels: the charts of a column stand under each other. */
const AXIS_WIDTH = 54;

/** @param onRange called when the user has zoomed or moved the steps */
export function createChart(
  canvas: HTMLCanvasElement,
  spec: ChartSpec,
  onRange: (range: StepRange) => void,
): LineChart {
  const hasSteps = spec.kind !== "bins";
  const moved = ({ chart }: { chart: Chart }) => {
    const { min, max } = chart.scales["x"]!;
    onRange({ from: min, to: max });
  };
  const config: ChartConfiguration<"line", Point[]> = {
    type: QUICK_LINE as "line",
    data: { datasets: [] },
    options: {
      animation: false,
      responsive: true,
      maintainAspectRatio: false,
      parsing: false,
      normalized: true,
      // The cursor is the dashboard's own, shared by all charts.
      events: [],
      spanGaps: true,
      // Points on the edge are whole.
      clip: 4,
      layout: { padding: { top: 6, right: 10 } },
      scales: {
        x: {
          type: "linear",
          grid: { display: false },
          ticks: {
            maxRotation: 0,
            autoSkipPadding: 24,
            includeBounds: false,
            ...(hasSteps && { precision: 0 }),
            callback: (value) =>
              hasSteps
                ? Number(value).toLocaleString("en")
                : `${Number(value)} %`,
          },
        },
        y: {
          type: "linear",
          // A share of nothing but zeros would else reach to 200 %.
          ...(spec.format === "share" && { suggestedMax: 0.01 }),
          beginAtZero: spec.kind === "stack",
          afterFit: (axis) => {
            axis.width = AXIS_WIDTH;
          },
          ticks: {
            maxTicksLimit: 6,
            callback: (value, i, ticks) => {
              const next = ticks[i + 1] ?? ticks[i - 1];
              return tickText(Number(value), spec.format, next?.value);
            },
          },
        },
      },
      plugins: {
        decimation: {
          enabled: hasSteps,
          algorithm: "lttb",
          threshold: SAMPLES,
          samples: SAMPLES,
        },
        zoom: {
          zoom: {
            mode: "x",
            wheel: { enabled: hasSteps, modifierKey: "ctrl" },
            drag: { enabled: hasSteps, threshold: 8 },
            onZoomComplete: moved,
          },
          pan: {
            enabled: hasSteps,
            mode: "x",
            modifierKey: "shift",
            onPanComplete: moved,
          },
        },
      },
    },
  };
  if (hasSteps) config.plugins = [AXIS_NAME];
  return new Chart(canvas, config);
}

/** The horizontal axis's name in the corner under the vertical one, where it takes no room from the plot. */
const AXIS_NAME: Plugin<"line"> = {
  id: "axisName",
  afterDraw({ ctx, scales }) {
    const x = scales["x"]!;
    const { ticks } = (x as Scale<LinearScaleOptions>).options;
    ctx.save();
    ctx.fillStyle = ticks.color as string;
    ctx.font = toFont(ticks.font as Partial<FontSpec>).string;
    ctx.textAlign = "left";
    ctx.textBaseline = "top";
    ctx.fillText("step", 0, x.top + 11);
    ctx.restore();
  },
};

/** Sets what depends on theme, range and axis. */
export function setScales(
  chart: LineChart,
  spec: ChartSpec,
  extent: StepRange,
  isLog: boolean,
): void {
  const text = themeValue("descriptionForeground", "#808080");
  const line = themeValue("forksight.run.grid", "#80808033");
  const { x, y } = chart.options.scales!;
  const { from, to } = spec.kind === "bins" ? { from: 0, to: 100 } : extent;
  Object.assign(x!, { min: from, max: to });
  Object.assign(y!, { type: isLog ? "logarithmic" : "linear" });
  x!.ticks!.color = y!.ticks!.color = text;
  x!.border = { color: line };
  y!.border = { display: false };
  y!.grid!.color = ({ tick }: { tick: { value: number } }) =>
    spec.kind === "bins" && tick.value === 0 ? text : line;
  const family = themeValue("font-family", "sans-serif");
  x!.ticks!.font = y!.ticks!.font = { family, size: 11 };
  chart.options.plugins!.zoom!.zoom!.drag = {
    ...(chart.options.plugins!.zoom!.zoom!.drag as object),
    backgroundColor: themeValue("editor.selectionBackground", "#8080804d"),
    borderColor: themeValue("focusBorder", "#808080"),
    borderWidth: 1,
  };
}
