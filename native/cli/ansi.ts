import { DEFAULT_SCALE, decorationRanges } from "../../core/annotation/buckets";
import type { Cut } from "../../core/annotation/cut";
import type { ScoredTrace } from "../../core/annotation/scoredTrace";
import { summarize } from "../../core/annotation/statistics";
import type { TokenMean } from "../../core/annotation/statistics";

/** Backgrounds of the 256-colour palette, one a bucket: from light blue over green and yellow to orange. */
const BACKGROUNDS: readonly number[] = [153, 117, 115, 228, 215, 208];
const ESC = "\u001b[";
const RESET = `${ESC}0m`;
const LISTED = 8;

export interface AnsiOptions {
  /** false where NO_COLOR is set: forks then stand between « and ». */
  readonly colour: boolean;
}

/**
 * A scored trace for a terminal: tokens on the colour of their entropy, forks underlined, a legend, a summary.
 * What the text itself contains of control characters is made visible and never sent to the terminal.
 */
export function renderAnsi(
  text: string,
  scored: ScoredTrace,
  cut: Cut,
  options: AnsiOptions,
): string {
  const body = options.colour
    ? coloured(text, scored, cut)
    : marked(text, scored, cut);
  return [body, "", legend(cut, options), ...summary(scored, cut), ""].join(
    "\n",
  );
}

function coloured(text: string, scored: ScoredTrace, cut: Cut): string {
  const whole = { start: 0, end: text.length };
  const { buckets, forks } = decorationRanges(scored, "heat", cut, whole);
  const bucketAt = new Int8Array(text.length).fill(-1);
  const forkAt = new Uint8Array(text.length);
  for (const [bucket, ranges] of buckets.entries()) {
    for (const { start, end } of ranges) {
      bucketAt.fill(bucket, start, end);
    }
  }
  for (const { start, end } of forks) {
    forkAt.fill(1, start, end);
  }
  let out = "";
  let from = 0;
  while (from < text.length) {
    let to = from + 1;
    while (
      to < text.length &&
      bucketAt[to] === bucketAt[from] &&
      forkAt[to] === forkAt[from]
    ) {
      to += 1;
    }
    out += paint(
      text.slice(from, to),
      bucketAt[from] ?? -1,
      forkAt[from] === 1,
    );
    from = to;
  }
  return out;
}

function paint(text: string, bucket: number, fork: boolean): string {
  const shown = visible(text);
  const background = BACKGROUNDS[bucket];
  if (background === undefined && !fork) {
    return shown;
  }
  const codes = [
    ...(background === undefined ? [] : ["38;5;16", `48;5;${background}`]),
    ...(fork ? ["1", "4"] : []),
  ].join(";");
  // A colour that runs over the end of a line paints the rest of the terminal's line: shown as a sign, then broken.
  return shown
    .split("\n")
    .map((line, index, lines) => {
      const last = index === lines.length - 1;
      const content = last ? line : `${line}⏎`;
      return content === "" ? "" : `${ESC}${codes}m${content}${RESET}`;
    })
    .join("\n");
}

function marked(text: string, scored: ScoredTrace, cut: Cut): string {
  const whole = { start: 0, end: text.length };
  const { forks } = decorationRanges(scored, "forks", cut, whole);
  let out = "";
  let from = 0;
  for (const { start, end } of forks) {
    out += `${visible(text.slice(from, start))}«${visible(text.slice(start, end))}»`;
    from = end;
  }
  return out + visible(text.slice(from));
}

function legend(cut: Cut, { colour }: AnsiOptions): string {
  const { rule, threshold } = cut;
  const chosen =
    rule.kind === "share"
      ? `top ${String(Number((100 * rule.share).toPrecision(3)))} %, H ≥ ${nats(threshold)}`
      : `H ${rule.kind === "fixed" ? ">" : "≥"} ${nats(threshold)}`;
  if (!colour) {
    return `Forking tokens stand between « and »: ${chosen} nats.`;
  }
  const steps = DEFAULT_SCALE.map(
    (least, bucket) =>
      `${ESC}38;5;16;48;5;${String(BACKGROUNDS[bucket])}m ≥${nats(least)} ${RESET}`,
  );
  return `Entropy in nats ${steps.join("")}  ${ESC}1;4mforking tokens${RESET}: ${chosen}`;
}

function summary(scored: ScoredTrace, cut: Cut): string[] {
  const sums = summarize(scored, cut, { listed: LISTED });
  const { model } = scored;
  const number = (value: number | null): string =>
    value === null ? "-" : nats(value);
  const share =
    sums.shareBelow001 === null
      ? "-"
      : `${(100 * sums.shareBelow001).toFixed(1)} %`;
  return [
    `${visible(model.name)} (${model.architecture}, ${model.quantization}): ${String(sums.tokens)} tokens, ` +
      `${String(sums.cut.forks)} forks; mean H ${number(sums.meanEntropy)}, median ${number(sums.medianEntropy)}, ` +
      `below 0.01: ${share}; perplexity ${number(sums.perplexity)}`,
    ...(sums.topTokens.length === 0
      ? []
      : [
          `Highest mean entropy (seen ${String(sums.minimumSeen)} times or more): ${tokens(sums.topTokens)}`,
        ]),
  ];
}

function tokens(list: readonly TokenMean[]): string {
  return list
    .map(
      ({ text, meanEntropy }) =>
        `${visible(JSON.stringify(text))} ${nats(meanEntropy)}`,
    )
    .join(", ");
}

function nats(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(2))) : "-";
}

// Controls but tab and line feed; the rest of Unicode's controls; marks that turn the direction of text.
const UNSAFE =
  // eslint-disable-next-line no-control-regex
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;
const PICTURES = 0x2400;
const DELETE = 0x7f;

/** Text that a terminal takes as text only: control characters as their pictures, or as `<U+009B>`. */
export function visible(text: string): string {
  return text.replace(UNSAFE, (character) => {
    const code = character.charCodeAt(0);
    if (code < 0x20) {
      return String.fromCharCode(PICTURES + code);
    }
    return code === DELETE
      ? "\u2421"
      : `<U+${code.toString(16).toUpperCase().padStart(4, "0")}>`;
  });
}
