import * as vscode from "vscode";
import type { Failures } from "./engine/failures";

/** Registers a command by its name without `forksight.`. */
export type Register = (
  name: string,
  run: (...args: never[]) => unknown,
) => vscode.Disposable;

/** A command that throws becomes one message; one that the user gave up, none. */
export function registrar(failures: Failures): Register {
  return (name, run) =>
    vscode.commands.registerCommand(
      `forksight.${name}`,
      async (...args: never[]) => {
        try {
          await run(...args);
        } catch (error) {
          if (!(error instanceof vscode.CancellationError))
            void failures.show(error, true);
        }
      },
    );
}
