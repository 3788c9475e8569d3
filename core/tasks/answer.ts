/** Where in a completion its answer stands. */
import { lastBoxed } from "../countdown/verify";

/** What stands in the last `\boxed{}`, else what follows the last `</think>`, else the whole. */
export function boxedAnswer(completion: string): string {
  const boxed = lastBoxed(completion);
  if (boxed.ok) return boxed.content.trim();
  const thought = completion.lastIndexOf("</think>");
  return (
    thought < 0 ? completion : completion.slice(thought + "</think>".length)
  ).trim();
}
