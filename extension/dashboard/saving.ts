import { open, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { setImmediate as breathe } from "node:timers/promises";
import * as vscode from "vscode";
import { allData, type NamedRun } from "./allData";

/** Asks where to, and writes the bytes of a picture or a table there. */
export async function saveFile(
  name: string,
  bytes: Uint8Array,
): Promise<vscode.Uri | undefined> {
  const uri = await askWhere(name);
  if (uri === undefined) return undefined;
  await vscode.workspace.fs.writeFile(uri, bytes);
  return uri;
}

/** Asks where to, and writes all data of some runs as CSV, with progress; a cancelled file is removed. */
export async function saveAllData(
  name: string,
  runs: readonly NamedRun[],
): Promise<vscode.Uri | undefined> {
  const uri = await askWhere(name);
  if (uri === undefined) return undefined;
  const isWritten = await vscode.window.withProgress(
    {
      location: vscode.ProgressLocation.Notification,
      title: "Forksight: writing all data",
      cancellable: true,
    },
    (_, token) =>
      writeAll(
        uri.fsPath,
        allData(runs, () => token.isCancellationRequested),
        token,
      ),
  );
  return isWritten ? uri : undefined;
}

async function writeAll(
  path: string,
  pieces: AsyncIterable<string>,
  token: vscode.CancellationToken,
): Promise<boolean> {
  const file = await open(path, "w");
  try {
    for await (const piece of pieces) {
      await file.write(piece);
      await breathe();
    }
  } finally {
    await file.close();
  }
  if (token.isCancellationRequested) await rm(path, { force: true });
  return !token.isCancellationRequested;
}

async function askWhere(name: string): Promise<vscode.Uri | undefined> {
  const folder =
    vscode.workspace.workspaceFolders?.find(({ uri }) => uri.scheme === "file")
      ?.uri ?? vscode.Uri.file(homedir());
  const extension = name.slice(name.lastIndexOf(".") + 1);
  return vscode.window.showSaveDialog({
    defaultUri: vscode.Uri.joinPath(folder, name),
    filters: { [extension.toUpperCase()]: [extension] },
  });
}
