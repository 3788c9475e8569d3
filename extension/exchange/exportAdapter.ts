import { copyFile, mkdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import * as vscode from "vscode";
import { PEFT_FOLDER } from "../../core/exchange/peft";
import { RUN_FOLDER } from "../../core/run/folder";
import { safeName } from "../../core/run/names";
import { folderOf } from "../rollouts/pickRun";
import type { Runs } from "../runs/runs";
import {
  baseOnDisk,
  type CheckpointAdapter,
  checkpointAdapters,
} from "./checkpointAdapters";
import type { Cli } from "./cli";
import { pickBase } from "./pickBase";
import { working } from "./working";

type Form = CheckpointAdapter["form"];

const FORMS: readonly { label: string; detail: string; form: Form }[] = [
  {
    label: "GGUF File...",
    detail: "For llama.cpp and what is built on it: one file, adapter.gguf",
    form: "gguf",
  },
  {
    label: "PEFT Folder...",
    detail:
      "For transformers, TRL, vLLM: adapter_config.json and adapter_model.safetensors",
    form: "peft",
  },
];

/** Writes the adapter of a run's checkpoint where the user chooses. @param argument a run folder or a row of the view "Runs" */
export async function exportAdapter(
  cli: Cli,
  runs: Runs,
  argument?: unknown,
): Promise<void> {
  const folder = await folderOf(argument, runs, "Export Adapter");
  if (folder === undefined) return;
  const checkpoint = await pickAdapter(folder);
  if (checkpoint === undefined) return;
  const form = await vscode.window.showQuickPick(FORMS, {
    title: "Export Adapter",
    placeHolder: "As what?",
  });
  if (form === undefined) return;
  const name = safeName(
    `${runs.get(folder)?.name ?? basename(folder)}-step-${checkpoint.step}`,
  );
  const target = await pickTarget(form.form, name);
  if (target === undefined) return;
  if (form.form === checkpoint.form) await copy(checkpoint, target);
  else if (!(await convert(cli, checkpoint, target))) return;
  void vscode.window.showInformationMessage(
    `Forksight: the adapter of step ${checkpoint.step} is in ${target}.`,
  );
}

async function pickAdapter(
  folder: string,
): Promise<CheckpointAdapter | undefined> {
  const found = await checkpointAdapters(folder);
  if (found.length === 0)
    throw new Error(
      `${folder} has no checkpoint with an adapter: a run writes one every few steps (checkpoints.every in its run file).`,
    );
  const picked = await vscode.window.showQuickPick(
    found.map((checkpoint, i) => ({
      label: `Step ${checkpoint.step}`,
      description: [
        ...(i === 0 ? ["newest"] : []),
        ...(checkpoint.form === "peft" ? ["PEFT"] : []),
      ].join(", "),
      checkpoint,
    })),
    { title: "Export Adapter", placeHolder: "Which checkpoint?" },
  );
  return picked?.checkpoint;
}

/** Absolute path of a file, or of a folder that may not be there yet. */
export async function pickTarget(
  form: Form,
  name: string,
  beside?: string,
): Promise<string | undefined> {
  const start =
    beside ?? vscode.workspace.workspaceFolders?.[0]?.uri.fsPath ?? "";
  const file = form === "gguf" ? `${name}.gguf` : name;
  const chosen = await vscode.window.showSaveDialog({
    title:
      form === "gguf"
        ? "The adapter as a GGUF file"
        : "The adapter as a new folder",
    saveLabel: "Export",
    defaultUri: vscode.Uri.file(join(start, file)),
    ...(form === "gguf" && { filters: { "GGUF adapter": ["gguf"] } }),
  });
  if (chosen === undefined) return undefined;
  const path = chosen.fsPath;
  return form === "gguf" && !/\.gguf$/i.test(path) ? `${path}.gguf` : path;
}

async function copy(
  { checkpoint, form }: CheckpointAdapter,
  target: string,
): Promise<void> {
  if (form === "gguf") {
    await mkdir(dirname(target), { recursive: true });
    await copyFile(join(checkpoint, RUN_FOLDER.adapter), target);
    return;
  }
  await mkdir(target, { recursive: true });
  for (const name of Object.values(PEFT_FOLDER))
    await copyFile(join(checkpoint, name), join(target, name));
}

/** @returns false where the user gives up */
async function convert(
  cli: Cli,
  { folder, checkpoint, form }: CheckpointAdapter,
  target: string,
): Promise<boolean> {
  const source =
    form === "gguf" ? join(checkpoint, RUN_FOLDER.adapter) : checkpoint;
  const base =
    (await baseOnDisk(folder, checkpoint)) ??
    (await pickBase("The run's base model is not on this machine"));
  if (base === undefined) return false;
  await working("exporting the adapter", (signal) =>
    cli.run(["adapter", source, target, "--base", base, "--force"], signal),
  );
  return true;
}
