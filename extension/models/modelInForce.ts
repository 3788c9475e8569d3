import path from "node:path";
import type * as vscode from "vscode";
import { adapterName } from "../../core/run/adapterName";
import { readSettings } from "../configuration";

/** The pocket model within the extension. */
const POCKET = path.join("models", "pocket.gguf");

/** The model that scores: the user's choice, or the pocket model. */
export interface ModelInForce {
  /** Absolute path of the GGUF file. */
  readonly path: string;
  readonly name: string;
  readonly isPocket: boolean;
  /** Name of the adapter on it, if any. */
  readonly adapter?: string;
}

/** Tells which model is in force for a document. */
export class Models {
  readonly pocketPath: string;

  constructor(context: vscode.ExtensionContext) {
    this.pocketPath = context.asAbsolutePath(POCKET);
  }

  inForce(scope?: vscode.Uri): ModelInForce {
    const { modelPath, adapterPath } = readSettings(scope);
    const adapter =
      adapterPath === "" ? {} : { adapter: adapterName(adapterPath) };
    if (modelPath === "" || modelPath === this.pocketPath) {
      const pocket = { path: this.pocketPath, name: "Pocket model" };
      return { ...pocket, isPocket: true, ...adapter };
    }
    const name = path.basename(modelPath).replace(/\.gguf$/i, "");
    return { path: modelPath, name, isPocket: false, ...adapter };
  }
}
