import { existsSync } from "node:fs";
import * as vscode from "vscode";

/** CUDA's libraries, which are too large to come with Forksight: fetched when the user asks. */
export class CudaBackEnd {
  private readonly root: string;

  constructor(context: vscode.ExtensionContext) {
    this.root = vscode.Uri.joinPath(context.globalStorageUri, "cuda").fsPath;
  }

  /** The folder that the libraries were installed to; undefined where they were not. */
  folder(): string | undefined {
    return existsSync(this.root) ? this.root : undefined;
  }
}
