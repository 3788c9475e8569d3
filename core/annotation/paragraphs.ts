/** A trace by paragraphs: what the lens above each one says. */
import type { Cut } from "./cut";
import type { ScoredTrace } from "./scoredTrace";
import { lowerBound } from "./sortedSearch";

/** A block of lines without a blank line in it. */
export interface Paragraph {
  /** UTF-16 offsets into the coloured text: from its first character to behind its last, without the line break. */
  readonly start: number;
  readonly end: number;
  /** Tokens that start in it or in the blank lines behind it. */
  readonly tokens: number;
  /** nats, over its tokens that have an entropy; null where none has. */
  readonly meanEntropy: number | null;
  /** Forking tokens among them. */
  readonly forks: number;
}

/**
 * Splits the coloured text at blank lines (also those of white space alone) and sums up each part. Every token falls
 * into exactly one paragraph: blank lines belong to the paragraph before them, those at the head to the first.
 * A text of blank lines alone has no paragraph.
 */
export function paragraphs(
  text: string,
  scored: Pick<ScoredTrace, "start" | "entropy">,
  cut: Cut,
): Paragraph[] {
  const blocks = blocksOf(text);
  return blocks.map((block, i) => {
    const first = i === 0 ? 0 : lowerBound(scored.start, block.start);
    const next = blocks[i + 1];
    const last = next
      ? lowerBound(scored.start, next.start)
      : scored.start.length;
    let sum = 0;
    let known = 0;
    for (let token = first; token < last; token++) {
      const entropy = scored.entropy[token]!;
      if (Number.isNaN(entropy)) continue;
      sum += entropy;
      known++;
    }
    return {
      start: block.start,
      end: block.end,
      tokens: last - first,
      meanEntropy: known === 0 ? null : sum / known,
      forks: lowerBound(cut.forks, last) - lowerBound(cut.forks, first),
    };
  });
}

function blocksOf(text: string): { start: number; end: number }[] {
  const blocks: { start: number; end: number }[] = [];
  let open: { start: number; end: number } | undefined;
  const lines = /[^\r\n]+|\r\n|\r|\n/g;
  for (let match = lines.exec(text); match; match = lines.exec(text)) {
    const piece = match[0];
    const isBreak = piece === "\n" || piece === "\r" || piece === "\r\n";
    const isText = !isBreak && piece.trim() !== "";
    if (isText) {
      if (!open) blocks.push((open = { start: match.index, end: 0 }));
      open.end = match.index + piece.length;
    } else if (open && isBreak && isBlankFrom(text, lines.lastIndex)) {
      open = undefined;
    }
  }
  return blocks;
}

/** Whether the line that starts at `offset` is blank. */
function isBlankFrom(text: string, offset: number): boolean {
  for (let i = offset; i < text.length; i++) {
    const character = text[i]!;
    if (character === "\n" || character === "\r") return true;
    if (character.trim() !== "") return false;
  }
  return true;
}
