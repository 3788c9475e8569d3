import * as vscode from "vscode";
import type { Launcher } from "./launcher";
import { stepsIn } from "./moreSteps";
import type { Run } from "./run";
import { runName } from "./runText";

/** Asks for a number of steps, and goes on with a run up to it. */
export async function extendRun(launcher: Launcher, run: Run): Promise<void> {
  const { step = 0, steps = 0 } = run.status ?? {};
  const answer = await vscode.window.showInputBox({
    title: `Resume "${runName(run)}"`,
    prompt: `Steps in all: ${step} of ${steps} are done`,
    value: String(2 * steps),
    validateInput: (text) =>
      stepsIn(text, steps) === undefined
        ? `A whole number above ${steps}`
        : undefined,
  });
  const asked = answer === undefined ? undefined : stepsIn(answer, steps);
  if (asked !== undefined) await launcher.resume(run.folder, asked);
}
