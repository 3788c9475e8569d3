import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import * as vscode from "vscode";
import { FormatError } from "../../core/exchange/formatError";
import { verlConfiguration } from "../../core/exchange/verlConfig";
import { runNameOf } from "../../core/run/names";
import { formatRunFileError, readRunFile } from "../../core/run/runFile";
import { mapPaths } from "../../core/run/runPaths";
import { runFileOf } from "../runs/launchRunFile";

/** Opens a run file's settings as a configuration of verl, as a document without a name. @param argument the file's Uri */
export async function exportVerl(argument?: unknown): Promise<void> {
  const file = await runFileOf(argument, "Export verl Configuration");
  if (file === undefined) return;
  const document = await vscode.workspace.openTextDocument(file);
  const read = readRunFile(document.getText());
  const name = runNameOf(file.path);
  if (!read.ok)
    throw new Error(
      `The run file cannot be exported. ${formatRunFileError(name, read.errors[0]!)}.`,
    );
  const { settings } = read;
  const absolute = mapPaths(settings, (path) =>
    resolve(dirname(file.fsPath), path),
  );
  // What is no path may be the Hub's id of a model.
  const model = existsSync(absolute.model) ? absolute.model : settings.model;
  const content = saying(file.fsPath, () =>
    verlConfiguration({ ...absolute, model }, settings.name ?? name),
  );
  const made = await vscode.workspace.openTextDocument({
    language: "yaml",
    content,
  });
  await vscode.window.showTextDocument(made);
}

function saying<T>(file: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (error instanceof FormatError)
      throw new Error(`${file} cannot be exported: ${error.message}.`);
    throw error;
  }
}
