/** The table of one step's rollouts: a row each, sorted and filtered. */
import type { RolloutLine, RolloutPrompt } from "../run/folder";
import { parseRewardFilter } from "./rewardFilter";

/** What the table shows and searches of one rollout. */
export interface RolloutRow {
  /** Number of the record in its file, from 1: what opens it. */
  readonly index: number;
  /** Which prompt of the step, from 0. */
  readonly group: number;
  /** The last message of the prompt, or the prompt as text. */
  readonly prompt: string;
  readonly completion: string;
  readonly reward: number;
  readonly advantage: number;
  /** Tokens of the completion; null where the trainer recorded none. */
  readonly length: number | null;
  readonly clipped: boolean;
  /** nats; null where no token was recorded. */
  readonly entropy: number | null;
  /** Share of the tokens that carried the gradient, 0 to 1; null where no token was recorded. */
  readonly kept: number | null;
}

/** Columns to sort by. */
export const SORT_KEYS = [
  "index",
  "group",
  "prompt",
  "reward",
  "advantage",
  "length",
  "clipped",
  "entropy",
  "kept",
] as const;

export type SortKey = (typeof SORT_KEYS)[number];

/** What of the table is wanted. Empty texts filter nothing. */
export interface RolloutQuery {
  readonly sort: SortKey;
  readonly descending: boolean;
  /** A group's number. */
  readonly group: string;
  /** A number, or a comparison such as `> 0`. */
  readonly reward: string;
  /** Stands in the prompt or the completion, in whatever case. */
  readonly text: string;
}

export const EVERYTHING: RolloutQuery = {
  sort: "index",
  descending: false,
  group: "",
  reward: "",
  text: "",
};

/** @param index of the record in its file, from 1 */
export function rolloutRow(index: number, rollout: RolloutLine): RolloutRow {
  const { group, completion, reward, advantage, clipped, tokens } = rollout;
  const mean = (values: readonly number[] = []) =>
    values.length === 0
      ? null
      : values.reduce((sum, one) => sum + one, 0) / values.length;
  return {
    index,
    group,
    prompt: promptText(rollout.prompt),
    completion,
    reward,
    advantage,
    length: tokens?.ids.length ?? null,
    clipped,
    entropy: mean(tokens?.entropy),
    kept: mean(tokens?.kept),
  };
}

function promptText(prompt: RolloutPrompt): string {
  return typeof prompt === "string" ? prompt : (prompt.at(-1)?.content ?? "");
}

/** What keeps a query from being answered, by field; empty where nothing does. */
export function queryProblems(
  query: RolloutQuery,
): Partial<Record<"group" | "reward", string>> {
  return {
    ...(query.group.trim() !== "" &&
      !/^\s*\d+\s*$/.test(query.group) && {
        group: "A group is a whole number, from 0.",
      }),
    ...(query.reward.trim() !== "" &&
      parseRewardFilter(query.reward) === undefined && {
        reward: "Write a number such as 1, or a comparison such as > 0.5.",
      }),
  };
}

/** The rows that a query wants, in its order; rows that are equal in it stay in the file's order. A filter that is none filters nothing. */
export function selectRows(
  rows: readonly RolloutRow[],
  query: RolloutQuery,
): RolloutRow[] {
  const group = /^\s*\d+\s*$/.test(query.group)
    ? Number(query.group)
    : undefined;
  const reward = parseRewardFilter(query.reward);
  const text = query.text.trim().toLowerCase();
  const holds = (value: string) => value.toLowerCase().includes(text);
  const chosen = rows.filter(
    (row) =>
      (group === undefined || row.group === group) &&
      (reward === undefined || reward(row.reward)) &&
      (text === "" || holds(row.prompt) || holds(row.completion)),
  );
  const sign = query.descending ? -1 : 1;
  return chosen.sort(
    (a, b) => sign * compare(a[query.sort], b[query.sort]) || a.index - b.index,
  );
}

/** What is not there stands last in rising order. */
function compare(
  a: string | number | boolean | null,
  b: string | number | boolean | null,
): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  if (typeof a === "string" && typeof b === "string")
    return a < b ? -1 : Number(a > b);
  return Number(a) - Number(b);
}
