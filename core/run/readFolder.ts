/** Readers of a run folder's files. They never throw on bad content: a folder may come from anywhere. */
import { z } from "zod";
import type {
  MetricsLine,
  RolloutLine,
  RunDescription,
  RunStatus,
} from "./folder";
import { settingProblem } from "./settingProblem";

export type Read<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly message: string };

/** What a JSON Lines text yields. */
export interface ReadLines<T> {
  readonly lines: readonly T[];
  /** Whole lines that are not what they should be. */
  readonly bad: readonly { readonly line: number; readonly message: string }[];
  /** The text after the last line break, which may still be being written; empty for a finished file. */
  readonly torn: string;
}

const hashed = z.looseObject({
  path: z.string(),
  sha256: z.string(),
  bytes: z.number(),
});

const description = z.looseObject({
  format: z.literal(1),
  name: z.string(),
  engine: z.string(),
  created: z.string(),
  runFile: z.string(),
  settings: z.record(z.string(), z.unknown()),
  seed: z.number(),
  versions: z.record(z.string(), z.string()),
  model: hashed,
  data: z.looseObject({ train: hashed, eval: z.record(z.string(), hashed) }),
});

const status = z.looseObject({
  state: z.enum(["preparing", "running", "stopped", "done", "failed"]),
  step: z.number().nonnegative(),
  steps: z.number().nonnegative(),
  heartbeat: z.string(),
  eta: z.number().nullable(),
  message: z.string(),
});

const metrics = z.looseObject({ step: z.number(), time: z.number() });

const rollout = z
  .looseObject({
    step: z.number(),
    group: z.number(),
    prompt: z.union([
      z.string(),
      z.array(z.looseObject({ role: z.string(), content: z.string() })),
    ]),
    completion: z.string(),
    reward: z.number(),
    advantage: z.number(),
    clipped: z.boolean(),
    tokens: z
      .looseObject({
        ids: z.array(z.number()),
        entropy: z.array(z.number()),
        kept: z.array(z.union([z.literal(0), z.literal(1)])),
      })
      .optional(),
  })
  .refine(
    ({ tokens }) =>
      tokens === undefined ||
      (tokens.ids.length === tokens.entropy.length &&
        tokens.ids.length === tokens.kept.length),
    { path: ["tokens"], message: "its columns differ in length" },
  );

/** run.json */
export function readDescription(text: string): Read<RunDescription> {
  return readJson<RunDescription>(text, description);
}

/** status.json */
export function readStatus(text: string): Read<RunStatus> {
  return readJson<RunStatus>(text, status);
}

/** metrics.jsonl, or a part of it that begins at a line's start. @param firstLine number of its first line */
export function readMetrics(
  text: string,
  firstLine = 1,
): ReadLines<MetricsLine> {
  return readJsonLines<MetricsLine>(text, metrics, firstLine);
}

/** One line of rollouts/step-N.jsonl, parsed already. */
export function readRollout(json: unknown): Read<RolloutLine> {
  return check<RolloutLine>(json, rollout);
}

/** rollouts/step-N.jsonl */
export function readRollouts(text: string): ReadLines<RolloutLine> {
  return readJsonLines<RolloutLine>(text, rollout, 1);
}

function readJsonLines<T>(
  text: string,
  schema: z.ZodType,
  firstLine: number,
): ReadLines<T> {
  const parts = text.split("\n");
  const torn = parts.pop() ?? "";
  const lines: T[] = [];
  const bad: { line: number; message: string }[] = [];
  parts.forEach((part, i) => {
    if (part.trim() === "") return;
    const read = readJson<T>(part, schema);
    if (read.ok) lines.push(read.value);
    else bad.push({ line: firstLine + i, message: read.message });
  });
  return { lines, bad, torn };
}

function readJson<T>(text: string, schema: z.ZodType): Read<T> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    return { ok: false, message: `no JSON: ${(error as Error).message}` };
  }
  return check(json, schema);
}

function check<T>(json: unknown, schema: z.ZodType): Read<T> {
  const checked = schema.safeParse(json, { error: settingProblem });
  if (checked.success) return { ok: true, value: checked.data as T };
  const issue = checked.error.issues[0]!;
  const place = issue.path.length > 0 ? `${issue.path.join(".")}: ` : "";
  return { ok: false, message: `${place}${issue.message}` };
}
