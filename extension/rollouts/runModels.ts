import { stat } from "node:fs/promises";
import path from "node:path";
import * as vscode from "vscode";
import { labelText } from "../../core/panels/visibleText";
import type { Models } from "../models/modelInForce";
import type { RunFacts } from "./runFolder";

/** Models that the user chose in place of those that runs name, by run folder. */
const CHOSEN = "forksight.runModels";

const CHOOSE = "Choose Model File...";

/** Finds the GGUF file of a run's model. */
export class RunModels {
  constructor(
    private readonly models: Models,
    private readonly state: vscode.Memento,
  ) {}

  /**
   * The run's model as a file that can be opened. Where it is not there, says which one is missing and, if asked for,
   * has the user choose another file, which is remembered for the run.
   * @param asked whether the user waits for it; nothing is shown else
   * @returns undefined where there is none
   * @throws Error where the workspace is not trusted and the run names a model that is not the one in force
   */
  async pathOf(run: RunFacts, asked: boolean): Promise<string | undefined> {
    const chosen = this.chosen()[run.folder];
    if (chosen !== undefined && (await isFile(chosen))) return chosen;
    if (
      !vscode.workspace.isTrusted &&
      run.modelPath !== this.models.inForce().path
    ) {
      throw new Error(
        `This workspace is not trusted, so the model that the run ${labelText(run.name)} names is not opened: ${run.modelPath}. Trust the workspace, then try again.`,
      );
    }
    if (await isFile(run.modelPath)) return run.modelPath;
    if (!asked) return undefined;
    const answer = await vscode.window.showWarningMessage(
      `Forksight: ${missing(run)}. Choose the GGUF file of the same model.`,
      CHOOSE,
    );
    return answer === CHOOSE ? this.choose(run) : undefined;
  }

  /** Asks for the run's model and remembers it. */
  async choose(run: RunFacts): Promise<string | undefined> {
    const files = await vscode.window.showOpenDialog({
      title: `The model of the run ${labelText(run.name)}`,
      openLabel: "Choose",
      filters: { "GGUF models": ["gguf"], "All files": ["*"] },
    });
    const file = files?.[0]?.fsPath;
    if (file !== undefined)
      await this.state.update(CHOSEN, { ...this.chosen(), [run.folder]: file });
    return file;
  }

  /** How a model is called: the pocket model by that name, another one by its file's. */
  nameOf(file: string): string {
    return file === this.models.pocketPath
      ? "Pocket model"
      : path.basename(file).replace(/\.gguf$/i, "");
  }

  private chosen(): Readonly<Record<string, string>> {
    return this.state.get<Record<string, string>>(CHOSEN, {});
  }
}

async function isFile(file: string): Promise<boolean> {
  return (
    /\.gguf$/i.test(file) &&
    stat(file).then(
      (facts) => facts.isFile(),
      () => false,
    )
  );
}

function missing({ name: given, modelPath }: RunFacts): string {
  const name = labelText(given);
  if (modelPath === "") return `the run ${name} does not name its model`;
  return /\.gguf$/i.test(modelPath)
    ? `the model of the run ${name} is not there: ${modelPath}`
    : `the model of the run ${name} is no GGUF file: ${modelPath}`;
}
