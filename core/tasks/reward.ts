/** Rewards: what a completion earns. Those here are pure; a user's own runs in a process of its own (native/trainer). */
import { parsePrompt } from "../countdown/problem";
import { verifyCountdown } from "../countdown/verify";
import { exactMatch } from "./exact";
import { mathsEqual } from "./maths";
import type { Problem } from "./problem";

/** Rewards that come with Forksight. */
export type BuiltInReward = "countdown" | "exact" | "maths";

/** One completion of one problem. */
export interface Completion {
  readonly problem: Problem;
  readonly text: string;
}

/**
 * Scores completions, in order. May take long and may be abandoned by the signal.
 * @returns a finite number for each
 */
export type RewardFunction = (
  completions: readonly Completion[],
  signal: AbortSignal,
) => Promise<readonly number[]>;

/**
 * Judges one problem's completions.
 * @throws Error where the problem lacks what the reward needs; the message says what
 */
export function judgeFor(
  kind: BuiltInReward,
  problem: Problem,
): (completion: string) => number {
  if (kind === "countdown") {
    const stated = countdownOf(problem);
    return (text) => verifyCountdown(text, stated).reward;
  }
  const answer = answerOf(problem);
  return kind === "exact"
    ? (text) => (exactMatch(text, answer) ? 1 : 0)
    : (text) => (mathsEqual(text, answer) ? 1 : 0);
}

function countdownOf({ columns, userText }: Problem) {
  const { numbers, target } = columns;
  if (
    Array.isArray(numbers) &&
    numbers.length > 0 &&
    numbers.every((n) => Number.isSafeInteger(n)) &&
    typeof target === "number"
  ) {
    return { numbers: numbers as number[], target };
  }
  const parsed = parsePrompt(userText);
  if (parsed) return parsed;
  throw new Error(
    "the countdown reward needs `numbers` (a list) and `target`, or a prompt that reads `Make 24 from 3, 4 and 5 with ...`",
  );
}

function answerOf({ columns }: Problem): string {
  const answer = columns.answer ?? columns.solution ?? columns.ground_truth;
  if (typeof answer === "string" && answer.trim() !== "") return answer;
  if (typeof answer === "number") return String(answer);
  throw new Error("the reward needs an `answer` (text or a number)");
}
