/** The line at the shared step, on a canvas of its own above the chart: to move it costs no redrawing of lines. */
import { themeValue } from "../theme";
import type { LineChart } from "./chart";
import type { Reading } from "./datasets";
import { nearestPoint, type Point } from "./model";

/** Beyond so many lines their points under the cursor are not marked. */
const MARKED = 24;

/** @param drawn the lines as they are drawn, so smoothed ones where those are shown; in the order of the readings */
export function drawCursor(
  canvas: HTMLCanvasElement,
  chart: LineChart,
  step: number | undefined,
  readings: readonly Reading[],
  drawn: readonly (readonly Point[])[],
): void {
  // Most of the time there is none, and then nothing has to be wiped away either.
  if (step === undefined && canvas.hidden) return;
  canvas.hidden = step === undefined;
  const ratio = window.devicePixelRatio || 1;
  const { width, height } = chart;
  if (canvas.width !== Math.round(width * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.style.width = `${width}px`;
  }
  if (canvas.height !== Math.round(height * ratio)) {
    canvas.height = Math.round(height * ratio);
    canvas.style.height = `${height}px`;
  }
  const context = canvas.getContext("2d")!;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  const { x, y } = chart.scales;
  if (step === undefined || x === undefined || y === undefined) return;
  if (step < x.min || step > x.max) return;
  const { top, bottom } = chart.chartArea;
  const at = x.getPixelForValue(step);
  context.strokeStyle = themeValue("foreground", "#808080");
  context.globalAlpha = 0.5;
  context.beginPath();
  context.moveTo(at, top);
  context.lineTo(at, bottom);
  context.stroke();
  context.globalAlpha = 1;
  if (readings.length > MARKED) return;
  readings.forEach(({ style }, i) => {
    const point = nearestPoint(drawn[i] ?? [], step);
    if (point === undefined || point.x < x.min || point.x > x.max) return;
    context.fillStyle = style.colour;
    context.strokeStyle = themeValue("editor.background", "#000000");
    context.beginPath();
    context.arc(
      x.getPixelForValue(point.x),
      y.getPixelForValue(point.y),
      4,
      0,
      2 * Math.PI,
    );
    context.fill();
    context.stroke();
  });
}
