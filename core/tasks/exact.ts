/** Exact match: the answer is the text asked for. */
import { boxedAnswer } from "./answer";

/**
 * Whether the completion's answer (what stands in its last `\boxed{}`, else the text after `</think>`, else all of it)
 * equals the expected one, white space at the ends and runs of it within aside.
 */
export function exactMatch(completion: string, answer: string): boolean {
  return spaced(boxedAnswer(completion)) === spaced(answer);
}

function spaced(text: string): string {
  return text.trim().replace(/\s+/g, " ");
}
