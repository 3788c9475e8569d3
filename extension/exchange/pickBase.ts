import * as vscode from "vscode";

/**
 * Asks for a base model that nothing names.
 * @param why shown above the choice
 * @returns absolute path of a GGUF file or a Hugging Face folder; undefined where the user gives up
 */
export async function pickBase(why: string): Promise<string | undefined> {
  const kind = await vscode.window.showQuickPick(
    [
      { label: "GGUF File...", detail: "The base model as llama.cpp reads it" },
      {
        label: "Hugging Face Folder...",
        detail: "A folder with the base model's config.json",
      },
    ],
    { title: "Base Model of the Adapter", placeHolder: why },
  );
  if (kind === undefined) return undefined;
  const isFile = kind.label.startsWith("GGUF");
  const chosen = await vscode.window.showOpenDialog({
    title: "Base Model of the Adapter",
    openLabel: "Use as Base",
    canSelectFiles: isFile,
    canSelectFolders: !isFile,
    ...(isFile && { filters: { "GGUF models": ["gguf"] } }),
  });
  return chosen?.[0]?.fsPath;
}
