import { percentileOf } from "../../core/annotation/cut";
import type { RecordedRollout } from "../../core/annotation/scoredTrace";
import { adapterName } from "../../core/run/adapterName";
import type { LiveTrace } from "./liveTrace";
import {
  shortened,
  visibleLine,
  visibleText,
} from "../../core/panels/visibleText";
import { cellWidth, inertBlock } from "./inertText";

/** Cells of a bar that stands for probability 1. */
const BAR_CELLS = 20;
/** Parts of one cell: the eighth blocks, empty first. */
const EIGHTHS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
/** Longest token that is shown whole. */
const TOKEN_CHARACTERS = 28;
/** Probability below which an alternative is shown among the others, where there are enough without it. */
const NEGLIGIBLE = 0.001;
const LEAST_ALTERNATIVES = 3;

/**
 * What the hover over some tokens says, as Markdown in which every token's text is inert (it stands in fenced blocks
 * with its control characters made visible).
 * @param live a trace
 * @param indices live indices of the tokens of one place: one, or those that share a split character
 */
export function hoverText(live: LiveTrace, indices: readonly number[]): string {
  const parts = indices.map((index, i) => {
    const heading =
      indices.length > 1
        ? `*Token ${i + 1} of the ${indices.length} that make up this character*\n\n`
        : "";
    return heading + tokenText(live, index);
  });
  const { model, settings, recorded } = live.trace;
  const { adapterPath } = settings;
  const footer = recorded
    ? [
        `recorded by ${recorded.run} in step ${recorded.step}`,
        `T = ${settings.temperature}`,
      ]
    : [
        model.name,
        ...(adapterPath === undefined ? [] : [adapterName(adapterPath)]),
        model.quantization,
        `T = ${settings.temperature}`,
        settings.precision,
      ];
  return `${parts.join("\n\n---\n\n")}\n\n${inertFooter(footer, live.isFresh)}`;
}

function tokenText(live: LiveTrace, index: number): string {
  const { trace, cut } = live;
  const row = live.rowOf(index);
  const id = trace.ids[row]!;
  const entropy = trace.entropy[row]!;
  if (Number.isNaN(entropy)) {
    return `${inertBlock([piece(live, id)])}\n\nNo entropy: nothing stands before this token that the model could have drawn it from.`;
  }
  const kind = cut.isFork[index] === 1 ? "**Forking token**" : "Token";
  if (trace.recorded !== undefined)
    return recordedText(live, trace.recorded, index);
  const percentile = percentileOf(cut.sorted, entropy);
  const first = `${kind} · entropy **${entropy.toFixed(3)}** nats · percentile **${percentile.toFixed(1)}**`;
  const second = `Probability **${percent(Math.exp(trace.logprob[row]!))}** · rank **${trace.rank[row]!.toLocaleString("en")}** of ${trace.model.vocabularySize.toLocaleString("en")}`;
  return `${first}  \n${second}\n\n${inertBlock(alternatives(live, row))}`;
}

/** What a trainer recorded of a token. */
function recordedText(
  live: LiveTrace,
  { advantage, reward }: RecordedRollout,
  index: number,
): string {
  const { trace, cut } = live;
  const row = live.rowOf(index);
  const id = trace.ids[row]!;
  const entropy = trace.entropy[row]!;
  const isKept = cut.isFork[index] === 1;
  const kept = isKept ? "**Kept token**" : "Token, not kept";
  // The mask is taken over all rollouts; those of a group with equal rewards weigh nothing.
  const weight =
    isKept && advantage === 0
      ? ": no gradient, all of its group are equal"
      : "";
  const percentile = percentileOf(cut.sorted, entropy).toFixed(1);
  return [
    `${kept} · recorded entropy **${entropy.toFixed(3)}** nats · percentile **${percentile}**`,
    `Rollout: reward **${number(reward)}** · advantage **${number(advantage)}**${weight}`,
    inertBlock([`${piece(live, id)}  id ${id}`]),
  ].join("\n\n");
}

function number(value: number): string {
  return String(Number(value.toFixed(3)));
}

interface Line {
  readonly mark: string;
  readonly rank: string;
  readonly text: string;
  readonly probability: number;
}

/** The k most probable tokens, the standing one marked (added where it is not among them), and what all others share. */
function alternatives(live: LiveTrace, row: number): string[] {
  const { trace } = live;
  const { topK } = trace;
  const standing = trace.ids[row]!;
  const lines: Line[] = [];
  let sum = 0;
  let seen = false;
  for (let k = 0; k < topK; k++) {
    const id = trace.topIds[row * topK + k]!;
    const logprob = trace.topLogprobs[row * topK + k]!;
    if (id < 0 || Number.isNaN(logprob)) break;
    const probability = Math.exp(logprob);
    // VS Code cuts a tall hover off: what would read "<0.1 %" joins the others.
    if (
      probability < NEGLIGIBLE &&
      id !== standing &&
      lines.length >= LEAST_ALTERNATIVES
    )
      continue;
    sum += probability;
    seen ||= id === standing;
    lines.push({
      mark: id === standing ? "▸" : " ",
      rank: String(k + 1),
      text: piece(live, id),
      probability,
    });
  }
  if (!seen) {
    const probability = Math.exp(trace.logprob[row]!);
    sum += probability;
    lines.push({
      mark: "▸",
      rank: String(trace.rank[row]!),
      text: piece(live, standing),
      probability,
    });
  }
  const rest = 1 - sum;
  if (lines.length < trace.model.vocabularySize && rest > 0.00005) {
    lines.push({
      mark: " ",
      rank: "",
      text: "all others",
      probability: rest,
    });
  }
  return aligned(lines);
}

function aligned(lines: readonly Line[]): string[] {
  const rankWidth = Math.max(...lines.map((line) => line.rank.length));
  const textWidth = Math.max(...lines.map((line) => cellWidth(line.text)));
  return lines.map(({ mark, rank, text, probability }) =>
    [
      mark,
      rank.padStart(rankWidth),
      text + " ".repeat(textWidth - cellWidth(text)),
      percent(probability).padStart(7),
      bar(probability),
    ]
      .join(" ")
      .trimEnd(),
  );
}

function piece(live: LiveTrace, id: number): string {
  const text = live.trace.pieces.get(id);
  return text === undefined || text === ""
    ? `<token ${id}>`
    : shortened(visibleText(text), TOKEN_CHARACTERS);
}

/** A bar of eighth blocks; a probability that is not 0 shows at least the thinnest one. */
function bar(probability: number): string {
  const eighths = Math.max(
    Math.round(8 * BAR_CELLS * probability),
    probability > 0 ? 1 : 0,
  );
  return "█".repeat(Math.floor(eighths / 8)) + EIGHTHS[eighths % 8]!;
}

/** `12.3 %`; what is too small for that `<0.1 %`. */
export function percent(probability: number): string {
  const value = 100 * probability;
  if (value > 0 && value < 0.1) return "<0.1 %";
  return `${value.toFixed(1)} %`;
}

function inertFooter(parts: readonly string[], fresh: boolean): string {
  const words = parts
    .map(visibleLine)
    .map((part) => part.replace(/[^\p{L}\p{N} .,=+-]/gu, " "))
    .join(" · ");
  return `*${words.replaceAll("*", "")}${fresh ? "" : " · the text has changed since"}*`;
}
