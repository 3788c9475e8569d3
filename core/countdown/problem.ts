/**
 * Countdown, the task of the pocket model: reach a target from three or four numbers, each used once.
 *
 * The same task in Python is `models/recipe/countdown.py`; `test/fixtures/countdown-cases.json` holds the two together.
 */

/** The given numbers, in the order shown, and the target. */
export interface CountdownProblem {
  readonly numbers: readonly number[];
  readonly target: number;
}

export type CountdownSplit = "train" | "validation" | "test";

/** The given numbers are 1 to this. */
export const LARGEST_NUMBER = 10;
/** Targets are 1 to this. */
export const LARGEST_TARGET = 50;
/** No intermediate result of the expression behind a generated target exceeds this. */
export const LARGEST_INTERMEDIATE = 50;
/** Of generated problems, the share with four numbers instead of three. */
export const SHARE_OF_FOUR_NUMBERS = 0.3;

const FIRST_VALIDATION_BUCKET = 80;
const FIRST_TEST_BUCKET = 85;

/** The canonical name of a problem, the same for every order of its numbers: `3,4,5=35`. */
export function problemKey(problem: CountdownProblem): string {
  const sorted = [...problem.numbers].sort((a, b) => a - b);
  return `${sorted.join(",")}=${problem.target}`;
}

/** 0 to 99: the 32-bit FNV-1a hash of the key, modulo 100. */
export function bucketOf(problem: CountdownProblem): number {
  const key = problemKey(problem);
  let state = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) {
    state = Math.imul(state ^ key.charCodeAt(i), 0x01000193) >>> 0;
  }
  return state % 100;
}

/** The split depends on the key alone, so training, validation and test problems are disjoint by construction. */
export function splitOf(problem: CountdownProblem): CountdownSplit {
  const bucket = bucketOf(problem);
  if (bucket >= FIRST_TEST_BUCKET) return "test";
  return bucket >= FIRST_VALIDATION_BUCKET ? "validation" : "train";
}

/** `3 and 4`, `3, 4 and 5`. */
function listNumbers(numbers: readonly number[]): string {
  return numbers.length < 2
    ? numbers.join("")
    : `${numbers.slice(0, -1).join(", ")} and ${numbers.at(-1)}`;
}

/** The user's message for a problem, the only wording that the pocket model knows. */
export function formatPrompt(problem: CountdownProblem): string {
  return (
    `Make ${problem.target} from ${listNumbers(problem.numbers)} with + - * /, each number used once. ` +
    "Think first, then answer in \\boxed{}."
  );
}

const PROMPT =
  /Make (\d{1,9}) from ((?:\d{1,9}, ){0,14}\d{1,9} and \d{1,9}) with/;

/** The problem that a prompt states, wherever in the text it stands; undefined where it states none. */
export function parsePrompt(prompt: string): CountdownProblem | undefined {
  const found = PROMPT.exec(prompt);
  if (!found) return undefined;
  return {
    numbers: found[2]!.split(/, | and /).map(Number),
    target: Number(found[1]),
  };
}

/** A source of uniform random numbers in [0, 1) that gives the same ones for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * A problem of one split. Its target is what a random expression gives, so every problem can be solved.
 * @param random uniform in [0, 1), for example of `seededRandom`
 */
export function drawProblem(
  random: () => number,
  split: CountdownSplit,
): CountdownProblem {
  for (;;) {
    const count = random() < SHARE_OF_FOUR_NUMBERS ? 4 : 3;
    const numbers = Array.from(
      { length: count },
      () => 1 + Math.floor(random() * LARGEST_NUMBER),
    );
    const target = randomValue(numbers, random);
    if (target === undefined || target > LARGEST_TARGET) continue;
    const problem = { numbers, target };
    // A target that is one of the numbers would look like a slip of the pen.
    if (!numbers.includes(target) && splitOf(problem) === split) return problem;
  }
}

/** The value of a random expression over all numbers, or undefined where it strays outside the world. */
function randomValue(
  numbers: readonly number[],
  random: () => number,
): number | undefined {
  const values = [...numbers];
  const takeOne = () =>
    values.splice(Math.floor(random() * values.length), 1)[0]!;
  while (values.length > 1) {
    const left = takeOne();
    const right = takeOne();
    const operation = Math.floor(random() * 3);
    const result =
      operation === 0
        ? left + right
        : operation === 1
          ? left - right
          : left * right;
    if (result < 1 || result > LARGEST_INTERMEDIATE) return undefined;
    values.push(result);
  }
  return values[0];
}
