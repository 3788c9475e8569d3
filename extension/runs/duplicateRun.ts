import { existsSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import * as vscode from "vscode";
import { runNameOf, safeName } from "../../core/run/names";
import { readRunFile } from "../../core/run/runFile";
import { duplicateText } from "./duplicateText";
import type { Run } from "./run";
import { runName } from "./runText";

/** Writes a run file with a run's settings under a new name, beside the one it was started from, and opens it. */
export async function duplicateRun(run: Run): Promise<void> {
  const { description } = run;
  if (description === undefined)
    throw new Error(`"${runName(run)}" has no settings that can be read.`);
  const place = placeFor(description.runFile) ?? dirname(run.folder);
  const { file, name } = freeFile(place, description.name);
  const uri = vscode.Uri.file(file);
  const text = duplicateText(
    { ...description.settings, name },
    file,
    vscode.workspace.getWorkspaceFolder(uri)?.uri.fsPath,
    previousText(description.runFile, place),
  );
  await writeFile(file, text, { flag: "wx" });
  await vscode.window.showTextDocument(uri);
}

/** The run file's folder, else the first workspace folder; undefined where neither is there. */
function placeFor(runFile: string): string | undefined {
  const folder = dirname(runFile);
  const uri = vscode.Uri.file(folder);
  const isOurs = vscode.workspace.getWorkspaceFolder(uri) !== undefined;
  if (isOurs && existsSync(folder)) return folder;
  return vscode.workspace.workspaceFolders?.find(
    ({ uri: { scheme } }) => scheme === "file",
  )?.uri.fsPath;
}

/** Only a text that holds can be gone on with, and only where its relative paths mean the same. */
function previousText(runFile: string, place: string): string | undefined {
  if (dirname(runFile) !== place || !existsSync(runFile)) return undefined;
  const text = readFileSync(runFile, "utf8");
  return readRunFile(text).ok ? text : undefined;
}

/** A name that is not taken: `countdown-2`, `countdown-3`. */
function freeFile(
  place: string,
  name: string,
): { readonly file: string; readonly name: string } {
  const stem = runNameOf(safeName(name)).replace(/-\d{1,3}$/, "");
  for (let n = 2; ; n++) {
    const next = `${stem}-${n}`;
    const file = join(place, `${next}.forksight.yaml`);
    if (!existsSync(file)) return { file, name: next };
  }
}
