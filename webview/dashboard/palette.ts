/** How runs and series are told apart: by colour and by dash, so that either is enough. */
import { themeValue } from "../theme";

/** A line's look. */
export interface LineStyle {
  /** Opaque, as `#rrggbb`. */
  readonly colour: string;
  /** Lengths of strokes and gaps in CSS pixels; empty for a solid line. */
  readonly dash: readonly number[];
}

/** Fallbacks of the theme's `forksight.run.1` and so on (package.json). */
const COLOURS = [
  "#d97706",
  "#2f86c9",
  "#159a77",
  "#b65fc0",
  "#b39a00",
  "#7a6ff0",
  "#dc4f4f",
  "#7d8a99",
] as const;

const DASHES: readonly (readonly number[])[] = [
  [],
  [7, 4],
  [2, 3],
  [9, 3, 2, 3],
  [14, 5],
];

/** The look of the run, or of the series, with this number: neighbours differ in both; 40 until one comes again. */
export function lineStyle(slot: number): LineStyle {
  const place = slot % (COLOURS.length * DASHES.length);
  return {
    colour: themeValue(
      `forksight.run.${(place % COLOURS.length) + 1}`,
      COLOURS[place % COLOURS.length]!,
    ),
    dash: DASHES[(place + Math.floor(place / COLOURS.length)) % DASHES.length]!,
  };
}

/** The colour with an opacity of 0 to 1. */
export function translucent(colour: string, opacity: number): string {
  const alpha = Math.round(255 * opacity);
  return /^#[0-9a-f]{6}$/i.test(colour)
    ? `${colour}${alpha.toString(16).padStart(2, "0")}`
    : `color-mix(in srgb, ${colour} ${Math.round(100 * opacity)}%, transparent)`;
}

const SVG = "http://www.w3.org/2000/svg";

/** A short piece of a line, for legends. */
export function swatch({ colour, dash }: LineStyle): SVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "swatch");
  svg.setAttribute("viewBox", "0 0 26 8");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(SVG, "line");
  for (const [name, value] of Object.entries({
    x1: "1",
    y1: "4",
    x2: "25",
    y2: "4",
    stroke: colour,
    "stroke-width": "2.5",
    "stroke-dasharray": dash.join(" "),
  }))
    line.setAttribute(name, value);
  svg.append(line);
  return svg;
}
