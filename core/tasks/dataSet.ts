/** Data sets of problems, JSON Lines, line by line. */
import type { RunSettings } from "../run/settings";
import { parseProblem, type Problem } from "./problem";
import { judgeFor } from "./reward";

/** What a line is. A blank line is nothing. */
export type DataLine =
  | { readonly kind: "problem"; readonly problem: Problem }
  | { readonly kind: "bad"; readonly message: string }
  | { readonly kind: "blank" };

/** Throws where a problem lacks what a run needs of it; the message says what. */
export type ProblemCheck = (problem: Problem) => void;

/** @param line without its line break */
export function readDataLine(line: string, check: ProblemCheck): DataLine {
  if (line.trim() === "") return { kind: "blank" };
  try {
    const parsed = parseProblem(JSON.parse(line));
    if (!parsed.ok) return { kind: "bad", message: parsed.message };
    check(parsed.problem);
    return { kind: "problem", problem: parsed.problem };
  } catch (error) {
    return { kind: "bad", message: (error as Error).message };
  }
}

type Checked = {
  readonly reward: Pick<RunSettings["reward"], "kind">;
  readonly objective: Pick<RunSettings["objective"], "loss">;
};

/** What every problem of a run's held-out sets must have. A user's own reward says for itself. */
export function heldOutCheck({
  reward,
}: Pick<Checked, "reward">): ProblemCheck {
  const { kind } = reward;
  if (kind === "javascript" || kind === "python") return () => undefined;
  return (problem) => void judgeFor(kind, problem);
}

/** What every problem of a run's training data must have. */
export function trainingCheck(settings: Checked): ProblemCheck {
  if (settings.objective.loss !== "sft") return heldOutCheck(settings);
  return ({ completion }) => {
    if (completion === undefined)
      throw new Error("supervised fine-tuning needs a `completion`");
  };
}
