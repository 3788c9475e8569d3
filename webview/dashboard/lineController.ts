import { LineController } from "chart.js";
import type { LineDataset } from "./datasets";
import type { Point } from "./model";

/** Type of the chart. It takes what chart.js' own lines take. */
export const QUICK_LINE = "quickLine";

/**
 * chart.js' own controller makes an object with resolved options for each point, which is most of the time that a hundred
 * lines take. Lines without an area need none of that: they are drawn straight from their points.
 */
export class QuickLineController extends LineController {
  static override readonly id = QUICK_LINE;

  override update(mode: "none"): void {
    if (this.isFilled) super.update(mode);
  }

  override draw(): void {
    if (this.isFilled) super.draw();
    else this.trace();
  }

  private get isFilled(): boolean {
    return (this.getDataset() as LineDataset).fill !== undefined;
  }

  private trace(): void {
    const { xScale, yScale } = this._cachedMeta;
    const dataset = this.getDataset() as LineDataset;
    const points = visiblePart(dataset.data, xScale!.min, xScale!.max);
    if (points.length === 0) return;
    const context = this.chart.ctx;
    context.save();
    context.strokeStyle = context.fillStyle = dataset.borderColor as string;
    context.lineWidth = dataset.borderWidth as number;
    context.lineJoin = "bevel";
    context.setLineDash((dataset.borderDash as number[] | undefined) ?? []);
    context.beginPath();
    for (const { x, y } of points)
      context.lineTo(xScale!.getPixelForValue(x), yScale!.getPixelForValue(y));
    context.stroke();
    const { marks } = dataset;
    if (marks !== undefined) {
      const every = Math.max(1, Math.floor(points.length / marks.count));
      points.forEach(({ x, y }, i) => {
        if (i % every !== every >> 1) return;
        const left = xScale!.getPixelForValue(x);
        drawMark(context, marks.shape, left, yScale!.getPixelForValue(y));
      });
    }
    context.restore();
  }
}

/** Those between two steps, and one more on either side: the line goes on to the edge. */
function visiblePart(
  points: readonly Point[],
  from: number,
  to: number,
): readonly Point[] {
  const first = points.findIndex(({ x }) => x >= from);
  if (first < 0) return points.slice(-1);
  const behind = points.findIndex(({ x }) => x > to);
  return points.slice(
    Math.max(0, first - 1),
    behind < 0 ? points.length : behind + 1,
  );
}

/** CSS pixels from the middle of a mark to its edge. */
const REACH = 3.2;

/** @param shape 0 circle, 1 square, 2 triangle, 3 diamond */
function drawMark(
  context: CanvasRenderingContext2D,
  shape: number,
  x: number,
  y: number,
): void {
  context.beginPath();
  switch (shape) {
    case 0:
      context.arc(x, y, REACH, 0, 2 * Math.PI);
      break;
    case 1:
      context.rect(x - REACH, y - REACH, 2 * REACH, 2 * REACH);
      break;
    case 2:
      context.moveTo(x, y - REACH - 1);
      context.lineTo(x + REACH + 1, y + REACH);
      context.lineTo(x - REACH - 1, y + REACH);
      break;
    default:
      context.moveTo(x, y - REACH - 1);
      context.lineTo(x + REACH + 1, y);
      context.lineTo(x, y + REACH + 1);
      context.lineTo(x - REACH - 1, y);
  }
  context.fill();
}
