import { mkdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import * as vscode from "vscode";
import { findRuns, RUNS_PLACE } from "./findRuns";
import type { RunImporter } from "./importer";
import type { OpenedPlaces } from "./openedPlaces";
import type { Runs } from "./runs";

/**
 * Adds runs from anywhere on this machine to the list: run folders, folders of runs, and what an importer can turn into
 * a run folder.
 */
export async function openRuns(
  runs: Runs,
  opened: OpenedPlaces,
  importers: readonly RunImporter[],
): Promise<void> {
  const chosen = await vscode.window.showOpenDialog({
    title: "Open Runs",
    openLabel: "Open Runs",
    canSelectFiles: false,
    canSelectFolders: true,
    canSelectMany: true,
  });
  for (const { fsPath } of chosen ?? []) {
    if ((await findRuns(fsPath)).length > 0) await opened.add([fsPath]);
    else await importFrom(fsPath, opened, importers);
  }
  await runs.refresh();
}

async function importFrom(
  folder: string,
  opened: OpenedPlaces,
  importers: readonly RunImporter[],
): Promise<void> {
  const answers = await Promise.all(
    importers.map((one) => one.accepts(folder)),
  );
  const fitting = importers.filter((_, i) => answers[i]);
  const importer =
    fitting.length > 1 ? await pickImporter(fitting, folder) : fitting[0];
  if (importer === undefined) {
    if (fitting.length === 0)
      throw new Error(
        [
          `${folder} is no run folder and holds none; a run folder has a run.json.`,
          ...(importers.length > 0
            ? [`Nor is it ${importers.map(({ label }) => label).join(", ")}.`]
            : []),
        ].join(" "),
      );
    return;
  }
  const root = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath;
  const place = join(root ?? dirname(folder), ...RUNS_PLACE);
  await mkdir(place, { recursive: true });
  const made = await importer.import(folder, place);
  if (root === undefined) await opened.add(made);
}

async function pickImporter(
  among: readonly RunImporter[],
  folder: string,
): Promise<RunImporter | undefined> {
  const picked = await vscode.window.showQuickPick(
    among.map((importer) => ({ label: importer.label, importer })),
    { title: `Open ${basename(folder)} as` },
  );
  return picked?.importer;
}
