/** Data sets of problems, read whole: JSON Lines. */
import { readFileSync } from "node:fs";
import { parseProblem, type Problem } from "../../core/tasks/problem";
import { messageOf, RunError } from "./runError";

/** Bad lines named in one error, at most. */
const NAMED_LINES = 5;

/**
 * Reads a data set. A bad line stops the run before it starts: silently skipped problems would change what is measured.
 * @param check throws where a problem lacks what the run needs
 * @throws RunError naming file and lines
 */
export function readProblems(
  path: string,
  check: (problem: Problem) => void,
): Problem[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new RunError(`The data set cannot be read: ${messageOf(error)}.`);
  }
  const problems: Problem[] = [];
  const bad: string[] = [];
  text
    .replace(/^\uFEFF/, "")
    .split(/\r?\n/)
    .forEach((line, i) => {
      if (line.trim() === "") return;
      try {
        const parsed = parseProblem(JSON.parse(line));
        if (!parsed.ok) throw new Error(parsed.message);
        check(parsed.problem);
        problems.push(parsed.problem);
      } catch (error) {
        bad.push(`line ${i + 1}: ${messageOf(error)}`);
      }
    });
  if (bad.length > 0) {
    const more =
      bad.length > NAMED_LINES ? `; and ${bad.length - NAMED_LINES} more` : "";
    throw new RunError(
      `${path} has ${bad.length} bad line${bad.length === 1 ? "" : "s"}: ${bad.slice(0, NAMED_LINES).join("; ")}${more}.`,
    );
  }
  if (problems.length === 0) throw new RunError(`${path} holds no problems.`);
  return problems;
}
