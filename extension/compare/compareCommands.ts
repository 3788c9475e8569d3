import * as vscode from "vscode";
import type { Annotations } from "../inspect/annotations";
import { selectPlace } from "../inspect/selectPlace";
import type { Register } from "../registrar";
import { type CompareParts, compareModels } from "./compareModels";
import type { ModelComparisons } from "./modelComparisons";

/** Registers the commands of comparing models. */
export function registerCompareCommands(
  register: Register,
  parts: CompareParts & { readonly annotations: Annotations },
): vscode.Disposable[] {
  const { comparisons, annotations } = parts;
  return [
    register("compareModels", () => compareModels(parts)),
    register("closeComparison", () => {
      for (const uri of comparisons.uris()) comparisons.end(uri);
    }),
    register("revealChange", (row: number, uri: string) =>
      reveal(comparisons, annotations, vscode.Uri.parse(uri), row),
    ),
  ];
}

async function reveal(
  comparisons: ModelComparisons,
  annotations: Annotations,
  uri: vscode.Uri,
  row: number,
): Promise<void> {
  const shown = comparisons.of(uri);
  if (shown === undefined) return;
  const key = uri.toString();
  const open = vscode.window.visibleTextEditors.find(
    (one) => one.document.uri.toString() === key,
  );
  const editor = await vscode.window.showTextDocument(
    open?.document ?? (await vscode.workspace.openTextDocument(uri)),
    {
      preserveFocus: true,
      ...(open?.viewColumn !== undefined && { viewColumn: open.viewColumn }),
    },
  );
  const { comparison, origin } = shown;
  selectPlace(editor, annotations.linesOf(editor.document), origin, {
    start: comparison.start[row]!,
    end: comparison.end[row]!,
  });
}
