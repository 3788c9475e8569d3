import { basename, dirname } from "node:path";
import * as vscode from "vscode";
import { safeName } from "../../core/run/names";
import { baseOnDisk } from "./checkpointAdapters";
import type { Cli } from "./cli";
import { pickTarget } from "./exportAdapter";
import { pickBase } from "./pickBase";
import { working } from "./working";

/** Makes a GGUF adapter of a PEFT folder. @param argument the folder's Uri; else one that is picked */
export async function convertPeft(cli: Cli, argument?: unknown): Promise<void> {
  const folder =
    argument instanceof vscode.Uri ? argument.fsPath : await pickFolder();
  if (folder === undefined) return;
  const base =
    (await baseOnDisk(undefined, folder)) ??
    (await pickBase("adapter_config.json names no model on this machine"));
  if (base === undefined) return;
  const name = safeName(basename(folder));
  const target = await pickTarget("gguf", name, dirname(folder));
  if (target === undefined) return;
  await working("converting the adapter", (signal) =>
    cli.run(["adapter", folder, target, "--base", base, "--force"], signal),
  );
  void vscode.window.showInformationMessage(
    `Forksight: ${target} is written. Set it as Forksight: Adapter Path to annotate with it.`,
  );
}

async function pickFolder(): Promise<string | undefined> {
  const chosen = await vscode.window.showOpenDialog({
    title: "A PEFT folder (adapter_config.json, adapter_model.safetensors)",
    openLabel: "Convert",
    canSelectFiles: false,
    canSelectFolders: true,
  });
  return chosen?.[0]?.fsPath;
}
