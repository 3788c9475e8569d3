/** What is said of a comparison, without VS Code. */
import { type Comparison, FATE } from "../../core/annotation/compareTraces";
import {
  shortened,
  visibleLine,
  visibleText,
} from "../../core/panels/visibleText";
import { escapeMarkdown, inertBlock } from "../inspect/inertText";
import type { ShownComparison } from "./modelComparisons";

const FATES: Readonly<Record<number, string>> = {
  [FATE.none]: "",
  [FATE.kept]: "fork kept",
  [FATE.gained]: "fork gained",
  [FATE.lost]: "fork lost",
};

/** `fork gained`; empty for a token that is a fork in neither. */
export function fateText(fate: number): string {
  return FATES[fate] ?? "";
}

/** One line for the view: the overlap and the counts. */
export function overlapText({
  overlap,
  kept,
  gained,
  lost,
}: Comparison): string {
  const share = Number.isNaN(overlap)
    ? "none"
    : `${(100 * overlap).toFixed(1)} %`;
  return `overlap ${share}: ${kept} kept, ${gained} gained, ${lost} lost`;
}

/** What the view says above its list, as plain text. */
export function comparisonMessage({
  a,
  b,
  comparison,
}: ShownComparison): string {
  const { sameTokens, tokens, fate, kept, lost } = comparison;
  const names = `From ${visibleName(a.name)} to ${visibleName(b.name)}.`;
  const forks =
    kept + lost === 0
      ? "The first has no forks here."
      : `${kept} of its ${kept + lost} forks are forks in the second (${(100 * comparison.overlap).toFixed(1)} %).`;
  const tokenizers = sameTokens
    ? ""
    : ` The two have different tokens: forks are compared at the ${fate.length} places where a token begins in both (of ${tokens.a} and ${tokens.b}).`;
  return `${names} ${forks}${tokenizers} Underlined: solid kept, double gained, dotted lost.`;
}

/** Names of models and runs come from files. */
export function visibleName(name: string): string {
  return visibleLine(name);
}

/** `0.12 to 1.30 nats (+1.18)` */
export function changeText(comparison: Comparison, row: number): string {
  const from = comparison.entropyA[row]!;
  const to = comparison.entropyB[row]!;
  const change = to - from;
  const sign = change < 0 ? "\u2212" : "+";
  return `${from.toFixed(3)} to ${to.toFixed(3)} nats (${sign}${Math.abs(change).toFixed(3)})`;
}

/** The text of a compared token, one visible line. */
export function tokenText(
  { traceA, comparison }: ShownComparison,
  row: number,
): string {
  const id = traceA.ids[comparison.rowA[row]!]!;
  const text = traceA.pieces.get(id) ?? "";
  return text === "" ? `<token ${id}>` : shortened(visibleText(text), 40);
}

/** The hover over a compared token, as Markdown in which the token's text and the names are inert. */
export function comparisonHover(shown: ShownComparison, row: number): string {
  const { a, b, comparison } = shown;
  const fate = fateText(comparison.fate[row]!);
  const { entropyA, entropyB } = comparison;
  return [
    fate === ""
      ? "A fork in neither model"
      : `**${fate[0]!.toUpperCase()}${fate.slice(1)}**`,
    `${escapeMarkdown(a.name)}: **${entropyA[row]!.toFixed(3)}** nats  \n${escapeMarkdown(b.name)}: **${entropyB[row]!.toFixed(3)}** nats`,
    inertBlock([tokenText(shown, row)]),
  ].join("\n\n");
}
