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
const DOWNLOADS = "models";

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
  // Empty stands for the pocket model, wherever the extension lies.
  if (chosen !== undefined) await writeSetting("modelPath", chosen, scope);
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

/** Shows what is found as it is found, and what each file is as the engine has looked into it. */
async function pickModel(
  engine: Engine,
  models: Models,
  ownFolder: string,
  scope: vscode.Uri | undefined,
): Promise<Choice | undefined> {
  const abort = new AbortController();
  const inForce = models.inForce(scope);
  const pick = vscode.window.createQuickPick<ModelItem>();
  pick.title = "Choose the model that scores";
  pick.placeholder = "Best is the model that wrote the trace";
  pick.matchOnDescription = true;
  pick.matchOnDetail = true;
  pick.busy = true;
  const found: ModelItem[] = [];
  const pocket = pocketItem(models.pocketPath);
  const show = () => {
    const active = pick.activeItems[0]?.choice;
    pick.items = [
      ...marked([pocket, ...found], inForce.isPocket ? "" : inForce.path),
      { label: "", kind: vscode.QuickPickItemKind.Separator },
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
    const again = pick.items.find((item) => sameChoice(item.choice, active));
    if (again !== undefined) pick.activeItems = [again];
  };
  const chosen = new Promise<Choice | undefined>((resolve) => {
    pick.onDidAccept(() => {
      const item = pick.activeItems[0];
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
  const search = fill(engine, found, show, {
    folders: [...readSettings(scope).modelFolders, ownFolder],
    current: inForce.isPocket ? undefined : inForce.path,
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

interface Search {
  readonly folders: readonly string[];
  /** The model in force, which is listed wherever it lies. */
  readonly current: string | undefined;
  readonly signal: AbortSignal;
}

async function fill(
  engine: Engine,
  items: ModelItem[],
  show: () => void,
  { folders, current, signal }: Search,
): Promise<void> {
  const discovered = await discoverModels({ folders, signal });
  if (signal.aborted) return;
  const files = discovered.map((one) => ({
    path: one.path,
    source: `${SOURCES[one.source]}: ${one.name}`,
    size: bytes(one.sizeBytes),
  }));
  if (current !== undefined && !files.some(({ path }) => path === current))
    files.unshift({ path: current, source: "chosen now", size: "" });
  for (const { path, source, size } of files) {
    const lines = pendingLines(path, [source, size].join(" · "));
    items.push({ ...lines, choice: { kind: "file", path } });
  }
  show();
  for (const [i, { path, source }] of files.entries()) {
    try {
      const [described] = await engine.request(
        "describeModels",
        { paths: [path] },
        { signal },
      );
      if (described !== undefined)
        items[i] = describedItem(described, path, source);
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

/**
 * The model in force first, with a check mark.
 * @param inForce its path; empty for the pocket model
 */
function marked(items: readonly ModelItem[], inForce: string): ModelItem[] {
  const isInForce = ({ choice }: ModelItem) =>
    (choice?.kind === "file" ? choice.path : "") === inForce;
  const checked = items
    .filter(isInForce)
    .map((item) => ({ ...item, label: `$(check) ${item.label}` }));
  return [...checked, ...items.filter((item) => !isInForce(item))];
}

function sameChoice(a: Choice | undefined, b: Choice | undefined): boolean {
  if (a === undefined || b === undefined || a.kind !== b.kind) return false;
  return a.kind !== "file" || (b.kind === "file" && a.path === b.path);
}
