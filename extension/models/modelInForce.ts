import path from "node:path";
import type * as vscode from "vscode";
import { readSettings } from "../configuration";

/** The pocket model within the extension. */
const POCKET = path.join("models", "pocket.gguf");

/** The model that scores: the user's choice, or the pocket model. */
export interface ModelInForce {
  /** Absolute path of the GGUF file. */
  readonly path: string;
  readonly name: string;
  readonly isPocket: boolean;
}

/** Tells which model is in force for a document. */
export class Models {
  readonly pocketPath: string;

  constructor(context: vscode.ExtensionContext) {
    this.pocketPath = context.asAbsolutePath(POCKET);
  }

  inForce(scope?: vscode.Uri): ModelInForce {
    const { modelPath } = readSettings(scope);
    if (modelPath === "" || modelPath === this.pocketPath) {
      return { path: this.pocketPath, name: "Pocket model", isPocket: true };
    }
    const name = path.basename(modelPath).replace(/\.gguf$/i, "");
    return { path: modelPath, name, isPocket: false };
  }
}
