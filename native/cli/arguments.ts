import type { CutRule } from "../../core/annotation/cut";
import { DEFAULT_CUT } from "../../core/annotation/cut";
import type { Precision } from "../../core/annotation/scoredTrace";
import type { GpuChoice } from "../../core/engine/protocol";
import { parseCommandLine } from "./parseCommandLine";
import { UsageError } from "./usageError";

export type Format = "ansi" | "json";

/** What `annotate` was asked for. */
export interface AnnotateArguments {
  readonly file: string;
  /** undefined: the pocket model that comes with Forksight. */
  readonly model: string | undefined;
  readonly adapter: string | undefined;
  readonly topK: number;
  readonly temperature: number;
  /** Counts from 1; undefined: the whole file of a plain trace, the first record of a file of records. */
  readonly record: number | undefined;
  readonly precision: Precision;
  /** undefined: ansi on a terminal, json elsewhere. */
  readonly format: Format | undefined;
  readonly cut: CutRule;
  readonly gpu: GpuChoice;
  /** Tokens; 0 takes what the trace needs. */
  readonly contextSize: number;
  readonly verbose: boolean;
}

export type Command =
  | { readonly kind: "help" }
  | { readonly kind: "version" }
  | { readonly kind: "annotate"; readonly arguments: AnnotateArguments };

export const HELP = `forksight: where a reasoning model hesitated

Usage: forksight annotate FILE [options]
       forksight train RUN.forksight.yaml [options]    (train --help)
       forksight resume FOLDER                         (resume --help)
       forksight adapter IN OUT [--base MODEL]         (adapter --help)
       forksight import PATH [--out FOLDER]            (import --help)

FILE is a text or Markdown file, or rollouts in JSONL or JSON.

  --model M.gguf           the model that scores (default: the pocket model that comes with Forksight)
  --adapter A.gguf         a LoRA adapter for it
  --top-k K                alternatives recorded per token (default 10)
  --temperature T          divides the logits (default 1)
  --record N               the record of a JSONL or JSON file, from 1 (default 1)
  --precision fast|exact   exact: no flash attention and an F32 KV cache (default fast)
  --context-size N         tokens of one window (default 0: as many as the trace needs)
  --cut CUT                20% for a share of the tokens, 0.672 for an entropy in nats (default 20%)
  --gpu auto|cuda|vulkan|metal|off   (default auto)
  --format ansi|json       (default ansi on a terminal, json elsewhere)
  --verbose                the engine's log on stderr
  --help, --version

Exit code: 0, 1 for an error in the input, 2 for wrong usage.
`;

const OPTIONS = {
  model: { type: "string" },
  adapter: { type: "string" },
  "top-k": { type: "string", default: "10" },
  temperature: { type: "string", default: "1" },
  record: { type: "string" },
  precision: { type: "string", default: "fast" },
  format: { type: "string" },
  cut: { type: "string" },
  gpu: { type: "string", default: "auto" },
  "context-size": { type: "string", default: "0" },
  verbose: { type: "boolean", default: false },
  help: { type: "boolean", short: "h", default: false },
  version: { type: "boolean", short: "v", default: false },
} as const;

/**
 * Parses the command line.
 * @param args without the interpreter and the script
 * @throws UsageError that says which argument is wrong and what it may be
 */
export function parseCommand(args: readonly string[]): Command {
  const { values, positionals } = parsed(args);
  if (values.help) {
    return { kind: "help" };
  }
  if (values.version) {
    return { kind: "version" };
  }
  const [command, file, ...rest] = positionals;
  if (command !== "annotate") {
    throw new UsageError(
      command === undefined
        ? "No command was given."
        : `There is no command "${command}".`,
    );
  }
  if (file === undefined || rest.length > 0) {
    throw new UsageError(
      `annotate takes one file, and ${file === undefined ? "none was" : String(rest.length + 1) + " were"} given.`,
    );
  }
  return {
    kind: "annotate",
    arguments: {
      file,
      model: values.model,
      adapter: values.adapter,
      topK: whole("--top-k", values["top-k"], 0),
      temperature: temperature(values.temperature),
      record:
        values.record === undefined
          ? undefined
          : whole("--record", values.record, 1),
      precision: oneOf("--precision", values.precision, ["fast", "exact"]),
      format:
        values.format === undefined
          ? undefined
          : oneOf<Format>("--format", values.format, ["ansi", "json"]),
      cut: cutRule(values.cut),
      gpu: oneOf("--gpu", values.gpu, [
        "auto",
        "cuda",
        "vulkan",
        "metal",
        "off",
      ]),
      contextSize: whole("--context-size", values["context-size"], 0),
      verbose: values.verbose,
    },
  };
}

function parsed(args: readonly string[]) {
  return parseCommandLine(args, OPTIONS);
}

function whole(name: string, value: string, least: number): number {
  const number = Number(value);
  if (value.trim() === "" || !Number.isSafeInteger(number) || number < least) {
    throw new UsageError(
      `${name} takes a whole number from ${String(least)} on, not "${value}".`,
    );
  }
  return number;
}

function temperature(value: string): number {
  const number = Number(value);
  if (value.trim() === "" || !(number > 0 && Number.isFinite(number))) {
    throw new UsageError(
      `--temperature takes a number above 0, not "${value}".`,
    );
  }
  return number;
}

function oneOf<T extends string>(
  name: string,
  value: string,
  choices: readonly T[],
): T {
  const found = choices.find((choice) => choice === value);
  if (found === undefined) {
    throw new UsageError(
      `${name} is one of ${choices.join(", ")}, not "${value}".`,
    );
  }
  return found;
}

function cutRule(value: string | undefined): CutRule {
  if (value === undefined) {
    return DEFAULT_CUT;
  }
  const isShare = value.endsWith("%");
  const text = isShare ? value.slice(0, -1) : value;
  const number = Number(text);
  const fits = isShare ? number > 0 && number <= 100 : number >= 0;
  if (text.trim() === "" || !Number.isFinite(number) || !fits) {
    throw new UsageError(
      `--cut takes a share such as 20% or an entropy in nats such as 0.672, not "${value}".`,
    );
  }
  return isShare
    ? { kind: "share", share: number / 100 }
    : { kind: "fixed", nats: number };
}
