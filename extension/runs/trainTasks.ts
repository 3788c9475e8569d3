import { basename, resolve } from "node:path";
import * as vscode from "vscode";
import { runNameOf } from "../../core/run/names";
import { findRunFiles } from "./launchRunFile";

const TYPE = "forksight";

/** A task in tasks.json: `{"type": "forksight", "runFile": "runs/a.forksight.yaml", "set": ["steps=5"]}`. */
interface TrainDefinition extends vscode.TaskDefinition {
  /** Relative to the workspace folder. */
  readonly runFile: string;
  /** Overrides such as `mask.kind=random`. */
  readonly set?: readonly string[];
}

/** Tasks that train a run file in a terminal, by the command line's embedded trainer. VS Code runs tasks only in trusted workspaces. */
export class TrainTasks implements vscode.TaskProvider {
  /** @param cliFile absolute path of dist/cli.mjs */
  constructor(private readonly cliFile: string) {}

  async provideTasks(): Promise<vscode.Task[]> {
    const files = await findRunFiles();
    return files.flatMap((uri) => {
      const folder = vscode.workspace.getWorkspaceFolder(uri);
      const runFile = vscode.workspace.asRelativePath(uri, false);
      return folder ? [this.task({ type: TYPE, runFile }, folder)] : [];
    });
  }

  resolveTask(task: vscode.Task): vscode.Task | undefined {
    const { runFile, set } = task.definition;
    const folder = folderOf(task.scope);
    if (typeof runFile !== "string" || folder === undefined) return undefined;
    if (set !== undefined && !Array.isArray(set)) return undefined;
    // VS Code wants back the definition object that it gave.
    return this.task(task.definition as TrainDefinition, folder);
  }

  private task(
    definition: TrainDefinition,
    folder: vscode.WorkspaceFolder,
  ): vscode.Task {
    const { runFile, set = [] } = definition;
    const sets = set.flatMap((one) => ["--set", String(one)]);
    const task = new vscode.Task(
      definition,
      folder,
      `train ${runNameOf(basename(runFile))}`,
      "forksight",
      new vscode.ProcessExecution(
        process.execPath,
        [this.cliFile, "train", resolve(folder.uri.fsPath, runFile), ...sets],
        { cwd: folder.uri.fsPath, env: { ELECTRON_RUN_AS_NODE: "1" } },
      ),
      [],
    );
    task.detail = "Train in a terminal; Ctrl+C stops after the step under way";
    return task;
  }
}

function folderOf(
  scope: vscode.Task["scope"],
): vscode.WorkspaceFolder | undefined {
  if (typeof scope === "object") return scope;
  return vscode.workspace.workspaceFolders?.[0];
}
