import * as vscode from "vscode";
import { completeEnvironment, makeEnvironment } from "./environment";
import type { TrlPackage } from "./trlPackage";

/** "Set Up TRL": asks, and makes the environment with progress. */
export class TrlSetUp {
  private readonly folder: string;
  private running: Promise<boolean> | undefined;

  constructor(
    context: vscode.ExtensionContext,
    private readonly trl: TrlPackage,
    private readonly log: vscode.LogOutputChannel,
  ) {
    this.folder = vscode.Uri.joinPath(
      context.globalStorageUri,
      "trl",
      "environment",
    ).fsPath;
  }

  /** The environment where it is complete. */
  environment(): string | undefined {
    return completeEnvironment(this.folder);
  }

  /** @returns whether the environment is there; false where the user gave it up */
  async run(): Promise<boolean> {
    if (!vscode.workspace.isTrusted)
      throw new Error(
        "Setting up TRL runs Python, so it needs a trusted workspace (Workspaces: Manage Workspace Trust).",
      );
    if (this.running) return this.running;
    const again = this.environment() !== undefined;
    const SET_UP = again ? "Set Up Anew" : "Set Up";
    const chosen = await vscode.window.showInformationMessage(
      again ? "Set up TRL anew?" : "Set up TRL?",
      {
        modal: true,
        detail: `Installs torch, transformers, peft and TRL from your package index: a download of 1 to 3 GB, into a Python environment of its own (${this.folder}). It takes some minutes. If you have a Python with these packages, set forksight.trl.python to it instead.`,
      },
      SET_UP,
    );
    if (chosen !== SET_UP) return false;
    this.running = this.withProgress().finally(() => {
      this.running = undefined;
    });
    return this.running;
  }

  private async withProgress(): Promise<boolean> {
    return vscode.window.withProgress(
      {
        location: vscode.ProgressLocation.Notification,
        title: "Forksight: setting up TRL",
        cancellable: true,
      },
      async (progress, token) => {
        const abort = new AbortController();
        token.onCancellationRequested(() => abort.abort());
        let stage = "";
        try {
          await makeEnvironment({
            environment: this.folder,
            packageFolder: this.trl.folder,
            signal: abort.signal,
            onLine: (line) => {
              this.log.info(`TRL: ${line}`);
              progress.report({ message: `${stage}: ${line.slice(0, 60)}` });
            },
            onStage: (message) => {
              stage = message;
              this.log.info(`TRL: ${message}`);
              progress.report({ message });
            },
          });
          return true;
        } catch (error) {
          if (abort.signal.aborted) return false;
          throw error;
        }
      },
    );
  }
}
