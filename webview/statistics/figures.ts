/** The small tables: what the trace comes to in numbers. */
import type { ShownTrace } from "../../core/panels/statisticsProtocol";

type Summary = ShownTrace["summary"];

/** Percentiles that fit a narrow panel; the summary has all of them. */
const SHOWN_PERCENTS = [5, 25, 50, 75, 80, 90, 95, 100];

/** Fills the table of figures. */
export function showFigures(table: HTMLTableElement, summary: Summary): void {
  const { cut, scoredTokens } = summary;
  const rows: [string, string][] = [
    ["Tokens", count(summary.tokens)],
    ["Forks", `${count(cut.forks)} (${percent(cut.forks, scoredTokens)})`],
    ["Cut", cutText(cut)],
    ["Mean entropy", nats(summary.meanEntropy)],
    ["Median entropy", nats(summary.medianEntropy)],
    [
      "Below 0.01 nats",
      summary.shareBelow001 === null
        ? NONE
        : `${(100 * summary.shareBelow001).toFixed(1)} %`,
    ],
    ["Perplexity", summary.perplexity?.toPrecision(4) ?? NONE],
  ];
  fill(table, rows);
}

/** Fills the table of percentiles. */
export function showPercentiles(
  table: HTMLTableElement,
  summary: Summary,
): void {
  const shown = summary.percentiles.filter((one) =>
    SHOWN_PERCENTS.includes(one.percent),
  );
  const rows = shown.map((one): [string, string] => [
    one.percent === 100 ? "Highest" : `${one.percent} %`,
    one.nats.toFixed(3),
  ]);
  fill(table, rows);
}

const NONE = "\u2013";

function cutText(cut: Summary["cut"]): string {
  if (cut.kind === "fixed") return `H > ${cut.value.toFixed(3)}`;
  if (cut.kind === "mask") return "kept in training";
  const share = Number((100 * cut.value).toFixed(2));
  const threshold = cut.threshold?.toFixed(3) ?? NONE;
  return `top ${share} %, H \u2265 ${threshold}`;
}

function nats(value: number | null): string {
  return value === null ? NONE : `${value.toFixed(3)} nats`;
}

function count(value: number): string {
  return value.toLocaleString("en");
}

function percent(part: number, whole: number): string {
  return whole === 0 ? NONE : `${((100 * part) / whole).toFixed(1)} %`;
}

function fill(
  table: HTMLTableElement,
  rows: readonly (readonly [string, string])[],
): void {
  const body = table.tBodies[0]!;
  body.replaceChildren(
    ...rows.map(([name, value]) => {
      const row = document.createElement("tr");
      const head = document.createElement("th");
      head.scope = "row";
      head.textContent = name;
      row.append(head);
      row.insertCell().textContent = value;
      return row;
    }),
  );
}
