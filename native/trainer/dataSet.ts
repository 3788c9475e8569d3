/** Data sets of problems, read whole. */
import { readFileSync } from "node:fs";
import { type ProblemCheck, readDataLine } from "../../core/tasks/dataSet";
import type { Problem } from "../../core/tasks/problem";
import { messageOf } from "../errorMessage";
import { RunError } from "./runError";

/** Bad lines named in one error, at most. */
const NAMED_LINES = 5;

/**
 * Reads a data set. A bad line stops the run before it starts: silently skipped problems would change what is measured.
 * @param check throws where a problem lacks what the run needs
 * @throws RunError naming file and lines
 */
export function readProblems(path: string, check: ProblemCheck): Problem[] {
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
      const read = readDataLine(line, check);
      if (read.kind === "problem") problems.push(read.problem);
      if (read.kind === "bad") bad.push(`line ${i + 1}: ${read.message}`);
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
