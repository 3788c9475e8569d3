/** The verifier of Countdown: the verifiable reward of the pocket model's runs. */
import { evaluateExpression, type ExpressionFault } from "./expression";
import type { CountdownProblem } from "./problem";

/** `correct`, `wrong-value` (well-formed but not the target), or why an answer is malformed. */
export type VerdictReason =
  | "correct"
  | "wrong-value"
  | "no-boxed-answer"
  | "unclosed-box"
  | "number-not-given"
  | "number-used-twice"
  | "number-left-unused"
  | "expression-too-long"
  | "response-too-long"
  | ExpressionFault;

/** What the verifier found. */
export interface Verdict {
  /** 1 only for a correct answer. */
  readonly reward: 0 | 1;
  /** An expression that uses every given number once, whatever its value. */
  readonly wellFormed: boolean;
  readonly reason: VerdictReason;
  /** What stands in the last `\boxed{}`, where there is one of acceptable length. */
  readonly expression?: string;
}

/** Longest response that is looked at, in UTF-16 code units. */
export const MAX_RESPONSE_CHARACTERS = 20_000;
/** Longest expression that is looked at, in UTF-16 code units. */
export const MAX_EXPRESSION_CHARACTERS = 200;

/** One sentence for each reason, for a person. */
export const REASON_TEXT: Readonly<Record<VerdictReason, string>> = {
  correct: "The expression gives the target.",
  "wrong-value": "The expression is well-formed but does not give the target.",
  "no-boxed-answer": "There is no \\boxed{} in the response.",
  "unclosed-box": "The last \\boxed{ is never closed.",
  "not-an-expression":
    "What is boxed is not an arithmetic expression of numbers, + - * / and parentheses.",
  "too-deep": "The parentheses nest too deeply.",
  "division-by-zero": "The expression divides by zero.",
  "number-not-given": "The expression uses a number that was not given.",
  "number-used-twice":
    "The expression uses a number more often than it was given.",
  "number-left-unused": "The expression leaves a given number unused.",
  "expression-too-long": "The boxed expression is absurdly long.",
  "response-too-long": "The response is absurdly long.",
};

/**
 * Judges a response by its last `\boxed{}`. Any expression that is right is right; a malformed one gets 0 and a reason.
 * Never throws, whatever the text.
 */
export function verifyCountdown(
  response: string,
  { numbers, target }: CountdownProblem,
): Verdict {
  if (response.length > MAX_RESPONSE_CHARACTERS)
    return malformed("response-too-long");
  const boxed = lastBoxed(response);
  if (!boxed.ok) return malformed(boxed.reason);
  const expression = boxed.content.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, "");
  if (expression.length > MAX_EXPRESSION_CHARACTERS)
    return malformed("expression-too-long");

  const evaluation = evaluateExpression(expression);
  if (!evaluation.ok) return malformed(evaluation.fault, expression);
  const { used, value } = evaluation;
  for (const number of used) {
    const given = count(numbers, number);
    if (given === 0) return malformed("number-not-given", expression);
    if (count(used, number) > given)
      return malformed("number-used-twice", expression);
  }
  if (used.length < numbers.length)
    return malformed("number-left-unused", expression);

  const correct =
    value.denominator === 1n && value.numerator === BigInt(target);
  return correct
    ? { reward: 1, wellFormed: true, reason: "correct", expression }
    : { reward: 0, wellFormed: true, reason: "wrong-value", expression };
}

function malformed(reason: VerdictReason, expression?: string): Verdict {
  return {
    reward: 0,
    wellFormed: false,
    reason,
    ...(expression === undefined ? {} : { expression }),
  };
}

function count(numbers: readonly number[], wanted: number): number {
  return numbers.filter((number) => number === wanted).length;
}

type Boxed =
  | { readonly ok: true; readonly content: string }
  | { readonly ok: false; readonly reason: "no-boxed-answer" | "unclosed-box" };

/** The contents of the last `\boxed{...}`, its braces balanced. */
export function lastBoxed(text: string): Boxed {
  const opening = "\\boxed{";
  const start = text.lastIndexOf(opening);
  if (start < 0) return { ok: false, reason: "no-boxed-answer" };
  const begin = start + opening.length;
  let depth = 1;
  for (let i = begin; i < text.length; i++) {
    if (text[i] === "{") depth++;
    else if (text[i] === "}" && --depth === 0)
      return { ok: true, content: text.slice(begin, i) };
  }
  return { ok: false, reason: "unclosed-box" };
}
