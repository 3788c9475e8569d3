import { existsSync } from "node:fs";
import * as vscode from "vscode";
import type { DescribedModel } from "../../core/engine/protocol";
import { type FoundModel, discoverModels } from "../../native/client/discover";
import { isAbort } from "../../native/client/engineError";
import { readSettings, writeSetting } from "../configuration";
import type { Engine } from "../engine/engine";
import { downloadModel } from "./downloadModel";
import { brokenLines, bytes, modelLines, pendingLines } from "./modelItems";
import type { Models } from "./modelInForce";

const SOURCES: Readonly<Record<FoundModel["source"], string>> = {
  folder: "your folder",
  lmStudio: "LM Studio",
  ollama: "Ollama",
  llamaCpp: "llama.cpp",
  huggingFace: "Hugging Face",
};

/** What a choice leads to. */
type Choice =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "pocket" }
  | { readonly kind: "browse" }
  | { readonly kind: "download" };

interface ModelItem extends vscode.QuickPickItem {
  readonly choice?: Choice;
  /** Why the file cannot be chosen. */
  readonly broken?: string;
}

/** Folder within the extension's storage that downloads go to. */
export const DOWNLOADS = "models";

/** Asks which model scores, and writes it to the setting. The open annotations follow by themselves. */
export async function chooseModel(parts: {
  readonly context: vscode.ExtensionContext;
  readonly engine: Engine;
  readonly models: Models;
}): Promise<void> {
  const { context, engine, models } = parts;
  const scope = vscode.window.activeTextEditor?.document.uri;
  const ownFolder = vscode.Uri.joinPath(
    context.globalStorageUri,
    DOWNLOADS,
  ).fsPath;
  const choice = await pickModel(engine, models, ownFolder, scope);
  const chosen = choice && (await pathOf(choice, engine, ownFolder));
  if (chosen === undefined) return;
  // An adapter that has gone would have every trace refused.
  const { adapterPath } = readSettings(scope);
  if (adapterPath !== "" && !existsSync(adapterPath))
    await writeSetting("adapterPath", undefined, scope);
  // Empty stands for the pocket model, wherever the extension lies.
  await writeSetting("modelPath", chosen, scope);
}

async function pathOf(
  choice: Choice,
  engine: Engine,
  ownFolder: string,
): Promise<string | undefined> {
  switch (choice.kind) {
    case "pocket":
      return "";
    case "file":
      return choice.path;
    case "download":
      return downloadModel(engine, ownFolder);
    case "browse": {
      const files = await vscode.window.showOpenDialog({
        title: "Choose a model",
        openLabel: "Choose",
        filters: { "GGUF models": ["gguf"], "All files": ["*"] },
      });
      return files?.[0]?.fsPath;
    }
  }
}

/**
 * Shows what is found as it is found, and what each file is as the engine has looked into it. Entries only ever come
 * behind those that are there, so that none moves away under the pointer.
 */
async function pickModel(
  engine: Engine,
  models: Models,
  ownFolder: string,
  scope: vscode.Uri | undefined,
): Promise<Choice | undefined> {
  const abort = new AbortController();
  const { path, isPocket } = models.inForce(scope);
  const pick = vscode.window.createQuickPick<ModelItem>();
  pick.title = "Choose the model that scores";
  pick.placeholder = "Best is the model that wrote the trace";
  pick.matchOnDescription = true;
  pick.matchOnDetail = true;
  pick.keepScrollPosition = true;
  pick.busy = true;
  const files: ModelFile[] = isPocket ? [] : [{ path, source: "chosen now" }];
  const described = new Map<string, ModelItem>();
  const itemOf = (file: ModelFile): ModelItem =>
    described.get(file.path) ?? {
      ...pendingLines(file.path, file.source),
      choice: { kind: "file", path: file.path },
    };
  const show = () => {
    const found = files.map(itemOf);
    const pocket = pocketItem(models.pocketPath);
    pick.items = [
      checked(isPocket ? pocket : found.shift()!),
      ...(isPocket ? [] : [pocket]),
      ...OTHER_WAYS,
      {
        label: "Found on this machine",
        kind: vscode.QuickPickItemKind.Separator,
      },
      ...found,
    ];
  };
  const chosen = new Promise<Choice | undefined>((resolve) => {
    pick.onDidAccept(() => {
      const item = pick.selectedItems[0];
      if (item?.broken !== undefined) {
        pick.title = `That file cannot be used: ${item.broken}`;
        return;
      }
      resolve(item?.choice);
      pick.hide();
    });
    pick.onDidHide(() => resolve(undefined));
  });
  show();
  pick.show();
  const folders = [...readSettings(scope).modelFolders, ownFolder];
  const search = findAndDescribe(engine, files, described, show, {
    folders,
    signal: abort.signal,
  }).finally(() => (pick.busy = false));
  try {
    return await chosen;
  } finally {
    abort.abort();
    pick.dispose();
    await search;
  }
}

/** A model file in the list. */
interface ModelFile {
  readonly path: string;
  /** Where it was found. */
  readonly source: string;
}

const OTHER_WAYS: readonly ModelItem[] = [
  {
    label: "$(folder-opened) Browse...",
    description: "a GGUF file anywhere on this machine",
    alwaysShow: true,
    choice: { kind: "browse" },
  },
  {
    label: "$(cloud-download) Download...",
    description: "from Hugging Face or another address",
    alwaysShow: true,
    choice: { kind: "download" },
  },
];

/** Appends the files that are found to `files`, and puts what the engine says of each into `described`. */
async function findAndDescribe(
  engine: Engine,
  files: ModelFile[],
  described: Map<string, ModelItem>,
  show: () => void,
  { folders, signal }: { folders: readonly string[]; signal: AbortSignal },
): Promise<void> {
  const discovered = await discoverModels({ folders, signal });
  if (signal.aborted) return;
  for (const { path, source, name, sizeBytes } of discovered) {
    if (files.some((file) => file.path === path)) continue;
    const where = `${SOURCES[source]}: ${name}`;
    files.push({ path, source: `${where} · ${bytes(sizeBytes)}` });
  }
  show();
  for (const { path, source } of files) {
    try {
      const [model] = await engine.request(
        "describeModels",
        { paths: [path] },
        { signal },
      );
      if (model !== undefined)
        described.set(path, describedItem(model, path, source));
    } catch (error) {
      // The list stays usable without descriptions; choosing a model says what is wrong with the engine.
      if (isAbort(error)) return;
      break;
    }
    show();
  }
}

function describedItem(
  described: DescribedModel,
  path: string,
  source: string,
): ModelItem {
  const choice = { kind: "file", path } as const;
  if (described.kind === "error") {
    const { message } = described;
    return { ...brokenLines(path, source, message), choice, broken: message };
  }
  const { model } = described;
  return {
    ...modelLines(model, source),
    choice,
    ...(model.unsupported !== undefined && { broken: model.unsupported }),
  };
}

function pocketItem(path: string): ModelItem {
  return {
    label: "Pocket model",
    description: "comes with Forksight",
    detail: `Knows only Countdown puzzles; starts in an instant · ${path}`,
    choice: { kind: "pocket" },
  };
}

/** Marks the model in force. */
function checked(item: ModelItem): ModelItem {
  return { ...item, label: `$(check) ${item.label}` };
}
