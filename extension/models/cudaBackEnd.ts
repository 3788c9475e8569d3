import { existsSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import path from "node:path";
import * as vscode from "vscode";
import { readSettings } from "../configuration";
import type { Engine } from "../engine/engine";
import { cudaPackage, installCudaPackage } from "./cudaInstall";

/** CUDA's libraries, which are too large to come with Forksight: fetched when the user asks. */
export class CudaBackEnd {
  private readonly root: string;
  private readonly name = cudaPackage(process.platform, process.arch);

  constructor(private readonly context: vscode.ExtensionContext) {
    this.root = vscode.Uri.joinPath(context.globalStorageUri, "cuda").fsPath;
    this.tell();
  }

  /** The folder that the libraries were installed to; undefined where they were not. */
  folder(): string | undefined {
    return this.name !== undefined &&
      existsSync(path.join(this.root, this.name))
      ? this.root
      : undefined;
  }

  /** Asks, fetches the libraries with progress, and has the engine start anew with them. */
  async install(engine: Engine): Promise<void> {
    const { name } = this;
    if (name === undefined) {
      throw new Error(
        `There is no CUDA back end for ${process.platform} on ${process.arch}: it is for NVIDIA GPUs under Linux and Windows on x64.`,
      );
    }
    const answer = await vscode.window.showInformationMessage(
      "Fetch llama.cpp's CUDA libraries (about 160 MB on disk) with npm? They serve NVIDIA GPUs, and need a driver and a CUDA runtime on this machine.",
      { modal: true },
      "Fetch",
    );
    if (answer === undefined) return;
    const done = await vscode.window.withProgress(
      {
        location: vscode.ProgressLocation.Notification,
        title: "Forksight: fetching the CUDA back end",
        cancellable: true,
      },
      async (_, token) => {
        const abort = new AbortController();
        token.onCancellationRequested(() => abort.abort());
        try {
          await installCudaPackage(
            name,
            this.release(),
            this.root,
            abort.signal,
          );
          return true;
        } catch (error) {
          if (abort.signal.aborted) return false;
          throw error;
        }
      },
    );
    if (!done) return;
    this.tell();
    await engine.reconfigure();
    const { gpu } = readSettings();
    const isUsed = gpu === "auto" || gpu === "cuda";
    void vscode.window.showInformationMessage(
      isUsed
        ? "Forksight: the CUDA back end is installed; the next annotation uses it."
        : `Forksight: the CUDA back end is installed, but the setting forksight.gpu is "${gpu}". Set it to "auto" to use it.`,
    );
  }

  /** Deletes the libraries; the engine starts anew without them. */
  async remove(engine: Engine): Promise<void> {
    const parked = `${this.root}.removed`;
    await rm(parked, { recursive: true, force: true });
    await rename(this.root, parked);
    this.tell();
    await engine.reconfigure();
    await rm(parked, { recursive: true, force: true });
  }

  /** The release of node-llama-cpp that this extension was built with. */
  private release(): string {
    const { dependencies } = this.context.extension.packageJSON as {
      dependencies: Record<string, string>;
    };
    return dependencies["node-llama-cpp"]!;
  }

  private tell(): void {
    void vscode.commands.executeCommand(
      "setContext",
      "forksight.cudaInstalled",
      this.folder() !== undefined,
    );
  }
}
