import { cutTrace, DEFAULT_CUT } from "../../../core/annotation/cut";
import type { ScoredTrace } from "../../../core/annotation/scoredTrace";

const SHOWN_ALTERNATIVES = 3;
/** A number of the golden text: two decimals. */
const NUMBER = /\d+\.\d\d/g;
/**
 * Two machines agree on an entropy or a probability to about 1e-5, but such a difference can carry a number over the
 * edge between two roundings. So numbers may differ by one in the last digit; everything else must be the same.
 */
const TOLERANCE = 0.0101;

/**
 * An annotation as a text that can be read and reviewed, one line a token: UTF-16 range, the token, entropy in nats, probability,
 * rank, the three most probable tokens with their probabilities. A forking token has a `*`.
 */
export function goldenText(scored: ScoredTrace): string {
  const { isFork } = cutTrace(scored.entropy, DEFAULT_CUT);
  const lines = [
    "# range  token  entropy (nats)  probability  rank  | the three most probable tokens; * marks a forking token (top 20 %)",
    "# Written by FORKSIGHT_UPDATE_GOLDEN=1 npx vitest run --project integration test/integration/engine/golden",
  ];
  for (const [i, id] of scored.ids.entries()) {
    const range = `${String(scored.start[i])}-${String(scored.end[i])}`;
    const token = JSON.stringify(scored.pieces.get(id));
    lines.push(
      scored.rank[i] === 0
        ? `${range.padEnd(9)}  ${token.padEnd(14)} -`
        : [
            range.padEnd(9),
            isFork[i] === 1 ? "*" : " ",
            token.padEnd(14),
            two(scored.entropy[i]),
            `p ${two(Math.exp(scored.logprob[i] ?? NaN))}`,
            `#${String(scored.rank[i]).padEnd(3)}`,
            `| ${alternatives(scored, i)}`,
          ].join(" "),
    );
  }
  return `${lines.join("\n")}\n`;
}

function alternatives(scored: ScoredTrace, index: number): string {
  return Array.from({ length: SHOWN_ALTERNATIVES }, (_, place) => {
    const at = index * scored.topK + place;
    const token = JSON.stringify(scored.pieces.get(scored.topIds[at] ?? -1));
    return `${token} ${two(Math.exp(scored.topLogprobs[at] ?? NaN))}`;
  }).join("  ");
}

function two(value: number | undefined): string {
  return (value ?? NaN).toFixed(2);
}

/** Lines of two golden texts that differ by more than a rounding. */
export function goldenDifferences(expected: string, actual: string): string[] {
  const before = expected.split("\n");
  const after = actual.split("\n");
  const differences: string[] = [];
  for (let i = 0; i < Math.max(before.length, after.length); i++) {
    const [old = "(none)", now = "(none)"] = [before[i], after[i]];
    if (!sameButForRounding(old, now)) {
      differences.push(`line ${String(i + 1)}:\n- ${old}\n+ ${now}`);
    }
  }
  return differences;
}

function sameButForRounding(old: string, now: string): boolean {
  // An alternative with a vanishing probability may change its place with the next one.
  const words = (line: string): string =>
    line.replace(/ {2}"(?:[^"\\]|\\.)*" 0\.00/g, "").replace(NUMBER, "N");
  const numbers = (line: string): number[] =>
    (line.match(NUMBER) ?? []).map(Number);
  const [a, b] = [numbers(old), numbers(now)];
  return (
    words(old) === words(now) &&
    a.every((value, i) => Math.abs(value - (b[i] ?? NaN)) < TOLERANCE)
  );
}
