import * as vscode from "vscode";
import { readSettings, writeSetting } from "../configuration";

/** Context sizes to choose from, in tokens. */
const SIZES = [2048, 4096, 8192, 16_384, 32_768];

/**
 * What the buttons of error messages do, beside choosing another model.
 * @param again scores anew what is shown
 */
export function registerRemedies(
  again: () => Promise<void>,
): vscode.Disposable {
  const register = (name: string, run: () => Promise<void>) =>
    vscode.commands.registerCommand(`forksight.${name}`, run);
  return vscode.Disposable.from(
    // Both settings have the shown documents scored again by themselves when they change.
    register("lowerContext", lowerContext),
    register("turnGpuOff", () => writeSetting("gpu", "off")),
    register("retry", again),
  );
}

async function lowerContext(): Promise<void> {
  const { contextSize } = readSettings();
  const items = SIZES.filter((size) => contextSize === 0 || size < contextSize)
    .reverse()
    .map((size) => ({
      label: `${size.toLocaleString("en")} tokens`,
      description: "",
      size,
    }));
  const chosen = await vscode.window.showQuickPick(items, {
    title: "Tokens of context in one window",
    placeHolder:
      "A longer trace is scored in windows that overlap by half; less context takes less memory.",
  });
  if (chosen !== undefined) await writeSetting("contextSize", chosen.size);
}
