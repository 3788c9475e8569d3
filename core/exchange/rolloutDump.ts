/**
 * Rollouts that other trainers dumped, as lines of rollouts/step-N.jsonl.
 *
 * verl (`trainer.rollout_data_dir`, N.jsonl): input, output, gts, score, step, and what the reward returned beside.
 * TRL (`log_completions`, tables of completions): step, prompt, completion, a column a reward function, advantage.
 * Neither records tokens, nor whether a completion was cut off.
 */
import { groupAdvantages } from "../rl/advantage";
import type { MetricsLine, RolloutLine, RolloutPrompt } from "../run/folder";
import { isObject, type JsonObject } from "../traces/jsonValue";

/** Rollouts by step, and what has to be said about them. */
export interface RolloutDump {
  readonly of: "verl" | "trl";
  readonly steps: ReadonlyMap<number, readonly RolloutLine[]>;
  /** Rollouts whose advantage was in the dump; was computed within their group; could not be, and is given as 0. */
  readonly advantages: {
    readonly recorded: number;
    readonly computed: number;
    readonly unknown: number;
  };
  /** Columns whose sum is the reward, where the dump has no column of that name. */
  readonly summed: readonly string[];
  /** Rows without prompt, completion or a reward that is a number. */
  readonly skipped: number;
}

interface Row {
  readonly step: number;
  readonly prompt: RolloutPrompt;
  readonly completion: string;
  readonly reward: number;
  readonly advantage: number | undefined;
}

/**
 * @param rows parsed lines of a dump
 * @param step of rows that do not say theirs, from the file's name
 * @returns undefined where these are no rollouts of either
 */
export function readRolloutDump(
  rows: readonly unknown[],
  step: number,
): RolloutDump | undefined {
  const objects = rows.filter(isObject);
  const of = objects.some((row) => "input" in row && "output" in row)
    ? "verl"
    : objects.some((row) => "prompt" in row && "completion" in row)
      ? "trl"
      : undefined;
  if (of === undefined) return undefined;
  const rewards = rewardColumns(objects);
  const read = objects
    .map((row) => (of === "verl" ? verlRow(row) : trlRow(row, rewards)))
    .filter((row) => row !== undefined)
    .map((row) => ({ ...row, step: row.step ?? step }));
  const steps = new Map<number, RolloutLine[]>();
  const advantages = { recorded: 0, computed: 0, unknown: 0 };
  for (const one of new Set(read.map((row) => row.step))) {
    const groups = groupsOf(read.filter((row) => row.step === one));
    const lines = groups.flatMap((members, group) => {
      const given = advantagesOf(members, advantages);
      return members.map(({ prompt, completion, reward }, i) => ({
        step: one,
        group,
        prompt,
        completion,
        reward,
        advantage: given[i]!,
        clipped: false,
      }));
    });
    steps.set(one, lines);
  }
  return {
    of,
    steps,
    advantages,
    summed: of === "trl" && !rewards.includes("reward") ? rewards : [],
    skipped: rows.length - read.length,
  };
}

type Unplaced = Omit<Row, "step"> & { readonly step: number | undefined };

function verlRow(row: JsonObject): Unplaced | undefined {
  const { input, output } = row;
  const reward = numberOf(row["score"]);
  if (typeof input !== "string" || typeof output !== "string") return undefined;
  if (reward === undefined) return undefined;
  return {
    step: stepOf(row),
    prompt: input,
    completion: output,
    reward,
    advantage: numberOf(row["advantage"]),
  };
}

function trlRow(
  row: JsonObject,
  rewards: readonly string[],
): Unplaced | undefined {
  const prompt = promptOf(row["prompt"]);
  const completion = completionOf(row["completion"]);
  const parts = rewards
    .map((name) => numberOf(row[name]))
    .filter((one) => one !== undefined);
  if (prompt === undefined || completion === undefined) return undefined;
  if (parts.length === 0) return undefined;
  return {
    step: stepOf(row),
    prompt,
    completion,
    reward: parts.reduce((sum, one) => sum + one, 0),
    advantage: numberOf(row["advantage"]),
  };
}

/**
 * TRL names a column after each reward function. `reward` alone where there is one; else those with "reward" in their
 * name; else all numbers between completion and advantage, where TRL puts them.
 */
function rewardColumns(rows: readonly JsonObject[]): string[] {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const numeric = names.filter((name) =>
    rows.some((row) => numberOf(row[name]) !== undefined),
  );
  if (numeric.includes("reward")) return ["reward"];
  const named = numeric.filter((name) => /reward/i.test(name));
  if (named.length > 0) return named;
  const from = names.indexOf("completion");
  const to = names.indexOf("advantage");
  return numeric.filter((name) => {
    const at = names.indexOf(name);
    return at > from && (to < 0 || at < to) && name !== "step";
  });
}

/** Rollouts of equal prompts belong together; groups in the order in which they appear. */
function groupsOf(rows: readonly Row[]): Row[][] {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const key = JSON.stringify(row.prompt);
    const group = groups.get(key);
    if (group) group.push(row);
    else groups.set(key, [row]);
  }
  return [...groups.values()];
}

function advantagesOf(
  group: readonly Row[],
  count: { recorded: number; computed: number; unknown: number },
): readonly number[] {
  const known = group.every(({ advantage }) => advantage !== undefined);
  if (known) {
    count.recorded += group.length;
    return group.map(({ advantage }) => advantage!);
  }
  if (group.length < 2) {
    count.unknown += group.length;
    return group.map(() => 0);
  }
  count.computed += group.length;
  const rewards = group.map(({ reward }) => reward);
  return [...groupAdvantages(rewards, rewards.length, "group").advantages];
}

/** A line of metrics from a step's rollouts alone: for dumps beside which nothing else was logged. */
export function metricsOfRollouts(
  step: number,
  time: number,
  lines: readonly RolloutLine[],
): MetricsLine {
  const reward = mean(lines.map((line) => line.reward));
  const groups = new Map<number, number[]>();
  for (const line of lines)
    groups.set(line.group, [...(groups.get(line.group) ?? []), line.reward]);
  const whole = [...groups.values()].filter((one) => one.length > 1);
  if (whole.length === 0) return { step, time, reward };
  const spread = whole.map((one) => groupAdvantages(one, one.length, "group"));
  return {
    step,
    time,
    reward,
    reward_std: mean(spread.map((one) => one.rewardStd)),
    frac_reward_zero_std: mean(spread.map((one) => one.fractionZeroStd)),
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, one) => sum + one, 0) / values.length;
}

function promptOf(value: unknown): RolloutPrompt | undefined {
  if (typeof value === "string") return value;
  const messages = messagesOf(value);
  return messages && messages.length > 0 ? messages : undefined;
}

function completionOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  return messagesOf(value)?.at(-1)?.content;
}

function messagesOf(
  value: unknown,
): { role: string; content: string }[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const messages: { role: string; content: string }[] = [];
  for (const one of value as unknown[]) {
    if (!isObject(one)) return undefined;
    const { role, content } = one;
    if (typeof role !== "string" || typeof content !== "string")
      return undefined;
    messages.push({ role, content });
  }
  return messages;
}

function stepOf(row: JsonObject): number | undefined {
  const step = numberOf(row["step"]);
  return step !== undefined && Number.isSafeInteger(step) && step >= 0
    ? step
    : undefined;
}

/** Also of a CSV's cells, which are texts. */
function numberOf(value: unknown): number | undefined {
  if (typeof value === "boolean") return Number(value);
  const number =
    typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  return typeof number === "number" && Number.isFinite(number)
    ? number
    : undefined;
}
