/** The histogram of entropies, with the cut as a line. */
import {
  BarController,
  BarElement,
  CategoryScale,
  Chart,
  LinearScale,
  LogarithmicScale,
  type Plugin,
  Tooltip,
} from "chart.js";
import type { ShownTrace } from "../../core/panels/statisticsProtocol";
import { onThemeChange, themeValue } from "../theme";

Chart.register(
  BarController,
  BarElement,
  CategoryScale,
  LinearScale,
  LogarithmicScale,
  Tooltip,
);

/** Below one token, so that a bar of one has a height on the log scale. */
const LOWEST_COUNT = 0.7;

export class HistogramChart {
  private readonly chart: Chart<"bar", (number | null)[], string>;
  private trace: ShownTrace | undefined;

  constructor(private readonly canvas: HTMLCanvasElement) {
    this.chart = new Chart(canvas, {
      type: "bar",
      data: { labels: [], datasets: [] },
      plugins: [this.cutLine()],
      options: {
        animation: false,
        responsive: true,
        maintainAspectRatio: false,
        // No gap between neighbours: they are one distribution.
        datasets: {
          bar: { categoryPercentage: 1, barPercentage: 0.92, grouped: false },
        },
        scales: {
          x: {
            type: "category",
            grid: { display: false },
            ticks: { maxRotation: 0, autoSkip: false },
          },
          y: {
            type: "logarithmic",
            min: LOWEST_COUNT,
            afterBuildTicks: (axis) => {
              axis.ticks = axis.ticks.filter((tick) =>
                isPowerOfTen(tick.value),
              );
            },
          },
        },
        plugins: {
          tooltip: {
            displayColors: false,
            callbacks: {
              title: ([item]) => (item ? this.binName(item.dataIndex) : ""),
              label: (item) =>
                `${item.raw as number} ${item.dataset.label ?? ""}`,
            },
          },
        },
      },
    });
    onThemeChange(() => this.draw());
  }

  show(trace: ShownTrace): void {
    this.trace = trace;
    this.draw();
  }

  private draw(): void {
    const { trace, chart } = this;
    if (trace === undefined) return;
    const { counts } = trace.histogram;
    const forks = topCounts(counts, trace.summary.cut.forks);
    const fork = themeValue("forksight.entropy.fork", "#a84300");
    const plain = themeValue("descriptionForeground", "#808080");
    const text = themeValue("foreground", "#808080");
    const line = themeValue("widget.border", "transparent");
    chart.data.labels = counts.map((_, bin) => this.tick(bin));
    // The first is drawn in front: the cut may lie within a bar.
    chart.data.datasets = [
      { label: "forks", data: forks.map(heightOf), backgroundColor: fork },
      { label: "tokens", data: counts.map(heightOf), backgroundColor: plain },
    ];
    Chart.defaults.font.family = themeValue("font-family", "sans-serif");
    const { x, y } = chart.options.scales!;
    x!.ticks!.color = y!.ticks!.color = text;
    // Room for the label of the cut.
    y!.max = 2 * Math.max(1, ...counts);
    y!.grid!.color = line;
    x!.border = y!.border = { color: plain };
    y!.ticks!.callback = (value) => shortCount(Number(value));
    this.canvas.setAttribute("aria-label", this.describe(trace));
    chart.update();
  }

  /** A label at every whole number of nats, or finer where the whole axis is short. */
  private tick(bin: number): string {
    const { counts, binWidth } = this.trace!.histogram;
    const span = counts.length * binWidth;
    const step = [0.1, 0.2, 0.5, 1, 2, 5].find((one) => span / one <= 8) ?? 10;
    const start = bin * binWidth;
    const nearest = Math.round(start / step) * step;
    return Math.abs(start - nearest) < binWidth / 2 && nearest >= start - 1e-9
      ? String(Number(nearest.toFixed(2)))
      : "";
  }

  private binName(bin: number): string {
    const { binWidth } = this.trace!.histogram;
    const edge = (at: number) => Number((at * binWidth).toFixed(3));
    return `${edge(bin)} to ${edge(bin + 1)} nats`;
  }

  private describe({ summary, histogram }: ShownTrace): string {
    const { threshold, forks } = summary.cut;
    const top = histogram.counts.length * histogram.binWidth;
    const cut =
      threshold === null
        ? ""
        : ` The cut is at ${threshold.toFixed(3)} nats; ${forks} tokens are forks.`;
    return `Histogram of ${summary.scoredTokens} token entropies from 0 to ${top.toFixed(2)} nats.${cut}`;
  }

  /** Draws the cut over the bars: the bins are categories, so its place lies between two of them. */
  private cutLine(): Plugin<"bar"> {
    return {
      id: "cut",
      afterDatasetsDraw: (chart) => {
        const threshold = this.trace?.summary.cut.threshold;
        const { left, right, top, bottom } = chart.chartArea;
        const histogram = this.trace?.histogram;
        if (threshold === undefined || threshold === null || !histogram) return;
        const span = histogram.counts.length * histogram.binWidth;
        if (span === 0 || threshold > span) return;
        const x = left + ((right - left) * threshold) / span;
        const { ctx } = chart;
        ctx.save();
        ctx.strokeStyle = themeValue("foreground", "#808080");
        ctx.fillStyle = ctx.strokeStyle;
        ctx.lineWidth = 1;
        ctx.setLineDash([4, 3]);
        ctx.beginPath();
        ctx.moveTo(x, top);
        ctx.lineTo(x, bottom);
        ctx.stroke();
        ctx.font = `11px ${themeValue("font-family", "sans-serif")}`;
        const label = `cut ${threshold.toFixed(2)}`;
        const width = ctx.measureText(label).width;
        // On the line's left where there is no room on its right.
        const at = x + 4 + width <= right ? x + 4 : x - 4 - width;
        ctx.fillText(label, at, top + 10);
        ctx.restore();
      },
    };
  }
}

/** Of each bin's tokens those among the `forks` of highest entropy. */
function topCounts(counts: readonly number[], forks: number): number[] {
  let left = forks;
  return counts
    .toReversed()
    .map((count) => {
      const here = Math.min(count, left);
      left -= here;
      return here;
    })
    .toReversed();
}

/** A logarithm has no place for 0. */
function heightOf(count: number): number | null {
  return count === 0 ? null : count;
}

function isPowerOfTen(value: number): boolean {
  const power = Math.log10(value);
  return power > -0.5 && Math.abs(power - Math.round(power)) < 1e-6;
}

/** 1, 10, 100, 1k, ... */
function shortCount(value: number): string {
  return value < 1000 ? String(value) : `${value / 1000}k`;
}
