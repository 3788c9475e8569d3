import * as vscode from "vscode";
import type { Register } from "../registrar";
import type { TrlSetUp } from "../trl/setUpTrl";
import type { RayEngine } from "./ray";
import type { TrlEngine } from "./trl";

/** What the engines' own commands act on. */
export interface EngineParts {
  readonly trl: TrlEngine;
  readonly setUp: TrlSetUp;
  readonly ray: RayEngine;
}

/** Registers what sets the engines up. */
export function registerEngineCommands(
  register: Register,
  { trl, setUp, ray }: EngineParts,
): vscode.Disposable[] {
  return [
    register("setUpTrl", async () => {
      if (!(await setUp.run())) return;
      trl.forget();
      const availability = await trl.availability();
      void vscode.window.showInformationMessage(
        availability.available
          ? `Forksight: TRL is set up: ${availability.detail}.`
          : `Forksight: TRL was installed, but cannot train yet. ${availability.missing.join(" ")}`,
      );
    }),
    register("setRayToken", () => ray.setToken()),
    register("clearRayToken", () => ray.clearToken()),
    register("openRaySettings", () =>
      vscode.commands.executeCommand(
        "workbench.action.openSettings",
        "forksight.ray",
      ),
    ),
  ];
}
