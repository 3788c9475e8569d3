import type * as vscode from "vscode";
import type { Register } from "../registrar";
import type { OpenedPlaces } from "../runs/openedPlaces";
import type { Runs } from "../runs/runs";
import type { Cli } from "./cli";
import { convertPeft } from "./convertPeft";
import { exportAdapter } from "./exportAdapter";
import { exportVerl } from "./exportVerl";
import { importRuns, type TrainerRuns } from "./importRuns";

/** What goes to other programs and comes from them. */
export interface ExchangeParts {
  readonly cli: Cli;
  readonly importer: TrainerRuns;
  readonly runs: Runs;
  readonly opened: OpenedPlaces;
}

export function registerExchangeCommands(
  register: Register,
  { cli, importer, runs, opened }: ExchangeParts,
): vscode.Disposable[] {
  return [
    register("exportAdapter", (run?: unknown) => exportAdapter(cli, runs, run)),
    register("convertPeft", (folder?: unknown) => convertPeft(cli, folder)),
    register("importRuns", (path?: unknown) =>
      importRuns(importer, runs, opened, path),
    ),
    register("exportVerl", (file?: unknown) => exportVerl(file)),
  ];
}
