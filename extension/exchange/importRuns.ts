import { basename, dirname, join } from "node:path";
import * as vscode from "vscode";
import { z } from "zod";
import { RUNS_PLACE } from "../runs/findRuns";
import type { RunImporter } from "../runs/importer";
import type { OpenedPlaces } from "../runs/openedPlaces";
import type { Runs } from "../runs/runs";
import { counted } from "../counted";
import type { Cli } from "./cli";
import { working } from "./working";

/** What `import --json` answers. */
const answer = z.object({
  imported: z.array(
    z.object({
      folder: z.string(),
      steps: z.number(),
      notes: z.array(z.string()),
    }),
  ),
  failed: z.array(z.object({ source: z.string(), message: z.string() })),
});

/** Folder among the runs: a group of its own in the view. */
const IMPORTED = "imported";

/** What TRL, transformers, TensorBoard and verl wrote, for "Open Runs..." and "Import Runs...". */
export class TrainerRuns implements RunImporter {
  readonly label =
    "a folder with trainer_state.json, TensorBoard event files, or rollouts of verl or TRL";

  constructor(private readonly cli: Cli) {}

  /** The command line looks, and says best what is missing. */
  accepts(): Promise<boolean> {
    return Promise.resolve(true);
  }

  async import(path: string, place: string): Promise<readonly string[]> {
    const out = join(place, IMPORTED);
    const { imported, failed } = await working(
      `importing ${basename(path)}`,
      async (signal) => {
        const args = ["import", path, "--out", out, "--json"];
        return answer.parse(JSON.parse(await this.cli.run(args, signal)));
      },
    );
    const names = imported.map(({ folder }) => basename(folder)).join(", ");
    const [only] = imported.length === 1 ? imported : [];
    void vscode.window.showInformationMessage(
      [
        `Forksight: imported ${counted(imported.length, "run")}: ${names}.`,
        ...(only?.notes ?? []),
      ].join(" "),
    );
    const [first] = failed;
    if (first !== undefined)
      void vscode.window.showWarningMessage(
        `Forksight: ${counted(failed.length, "run")} could not be imported. ${first.message}`,
      );
    return imported.map(({ folder }) => folder);
  }
}

/** @param argument a file's or folder's Uri or path; else one that is picked */
export async function importRuns(
  importer: TrainerRuns,
  runs: Runs,
  opened: OpenedPlaces,
  argument?: unknown,
): Promise<void> {
  const path =
    argument instanceof vscode.Uri
      ? argument.fsPath
      : typeof argument === "string"
        ? argument
        : await pickFile();
  if (path === undefined) return;
  const root = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath;
  const place = join(root ?? dirname(path), ...RUNS_PLACE);
  const made = await importer.import(path, place);
  if (root === undefined) await opened.add(made);
  await runs.refresh();
}

async function pickFile(): Promise<string | undefined> {
  const chosen = await vscode.window.showOpenDialog({
    title:
      "Import Runs: trainer_state.json, an event file, or dumped rollouts (a whole folder: Open Runs)",
    openLabel: "Import",
    canSelectFiles: true,
    canSelectFolders: false,
  });
  return chosen?.[0]?.fsPath;
}
