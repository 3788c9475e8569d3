/** What the editor must show, by the command line's JSON for the same text and model: another way to the same numbers. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { POCKET_MODEL } from "../../../scripts/sample.mjs";
import { root } from "../../../scripts/steps.mjs";

/** A token of `forksight annotate --format json`. */
export interface AnnotatedToken {
  readonly id: number;
  readonly text: string;
  /** UTF-16 offsets in the file. */
  readonly start: number;
  readonly end: number;
  /** nats; null where there is no distribution */
  readonly entropy: number | null;
  readonly logprob: number | null;
  readonly rank: number | null;
  readonly top: readonly { id: number; text: string; logprob: number }[];
}

/** What has been annotated already: many tests look at one text. */
const annotated = new Map<string, readonly AnnotatedToken[]>();

/** Annotates a text with the pocket model through the command line. */
export function annotateByCli(text: string): readonly AnnotatedToken[] {
  const tokens = annotated.get(text) ?? runCli(text);
  annotated.set(text, tokens);
  return tokens;
}

function runCli(text: string): AnnotatedToken[] {
  const folder = mkdtempSync(join(tmpdir(), "forksight-expected-"));
  try {
    const file = join(folder, "trace.txt");
    writeFileSync(file, text);
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [
        join(root, "dist", "cli.mjs"),
        "annotate",
        file,
        ...["--model", POCKET_MODEL, "--format", "json"],
      ],
      { encoding: "utf8", maxBuffer: 1 << 28 },
    );
    if (status !== 0) throw new Error(`the CLI failed: ${stderr}`);
    return (JSON.parse(stdout) as { tokens: AnnotatedToken[] }).tokens;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * The tokens of highest entropy, in the order of the text.
 * @param share of the tokens that have an entropy, 0.2 for the top 20 %
 */
export function topTokens(
  tokens: readonly AnnotatedToken[],
  share: number,
): AnnotatedToken[] {
  const scored = tokens.filter((token) => token.entropy !== null);
  const count = Math.ceil(share * scored.length);
  return [...scored]
    .sort((a, b) => (b.entropy ?? 0) - (a.entropy ?? 0) || a.start - b.start)
    .slice(0, count)
    .sort((a, b) => a.start - b.start);
}

/** The offsets of the characters that tokens cover, without line ends: those show no colour. */
export function offsetsOf(
  text: string,
  tokens: readonly Pick<AnnotatedToken, "start" | "end">[],
): number[] {
  return tokens
    .flatMap(({ start, end }) =>
      Array.from({ length: end - start }, (_, index) => start + index),
    )
    .filter((offset) => text[offset] !== "\n");
}

/** A text file of the repository. */
export function readText(...path: string[]): string {
  return readFileSync(join(root, ...path), "utf8");
}
