import * as vscode from "vscode";
import { jsonParts } from "./jsonParts";
import type { LiveTrace } from "./liveTrace";

/** Copies a trace's annotation in the form that the CLI prints. */
export async function copyAsJson(live: LiveTrace | undefined): Promise<void> {
  if (live === undefined) return;
  if (!live.isFresh) {
    void vscode.window.showInformationMessage(
      "Forksight: the text has changed since it was scored. Annotate it again, then copy.",
    );
    return;
  }
  const json = await vscode.window.withProgress(
    {
      location: vscode.ProgressLocation.Window,
      title: "Forksight: writing the annotation as JSON",
    },
    async () => {
      const parts: string[] = [];
      for (const part of jsonParts(live.trace, live.cut)) {
        parts.push(part);
        await new Promise((resolve) => setImmediate(resolve));
      }
      return parts.join("");
    },
  );
  await vscode.env.clipboard.writeText(json);
  vscode.window.setStatusBarMessage(
    `Forksight: copied ${live.trace.ids.length.toLocaleString("en")} tokens as JSON.`,
    4000,
  );
}
