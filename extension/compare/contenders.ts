import * as vscode from "vscode";
import { labelText } from "../../core/panels/visibleText";
import { adapterName } from "../../core/run/adapterName";
import { discoverModels } from "../../native/client/discover";
import { readSettings } from "../configuration";
import type { Scorer } from "../inspect/annotator";
import type { Models } from "../models/modelInForce";
import { checkpointsOf, readRunFacts } from "../rollouts/runFolder";
import type { RunModels } from "../rollouts/runModels";
import type { Runs } from "../runs/runs";

/** One side of a comparison. */
export interface Contender {
  /** `Pocket model + top20 step 30` */
  readonly name: string;
  readonly scorer: Scorer;
}

interface ContenderItem extends vscode.QuickPickItem {
  readonly contender?: Contender;
}

export interface ContenderSources {
  readonly models: Models;
  readonly runs: Runs;
  readonly runModels: RunModels;
}

/**
 * Asks for one side: the model in force, the base of a run, any of its checkpoints, or a model on this machine. What
 * takes long to find comes behind what is there, so that nothing moves away under the pointer.
 * @returns undefined where the user gave up
 */
export async function pickContender(
  sources: ContenderSources,
  title: string,
  scope: vscode.Uri,
): Promise<Contender | undefined> {
  const abort = new AbortController();
  const pick = vscode.window.createQuickPick<ContenderItem>();
  pick.title = title;
  pick.matchOnDescription = true;
  pick.matchOnDetail = true;
  pick.keepScrollPosition = true;
  pick.busy = true;
  const items = inForceItems(sources.models, scope);
  const add = (...more: ContenderItem[]) => {
    if (abort.signal.aborted) return;
    items.push(...more);
    pick.items = [...items];
  };
  add();
  const chosen = new Promise<Contender | undefined>((resolve) => {
    pick.onDidAccept(() => {
      resolve(pick.selectedItems[0]?.contender);
      pick.hide();
    });
    pick.onDidHide(() => resolve(undefined));
  });
  pick.show();
  const search = find(sources, scope, add, abort.signal).finally(() => {
    if (!abort.signal.aborted) pick.busy = false;
  });
  try {
    return await chosen;
  } finally {
    abort.abort();
    pick.dispose();
    await search;
  }
}

function inForceItems(models: Models, scope: vscode.Uri): ContenderItem[] {
  const { path, name, adapter } = models.inForce(scope);
  const { adapterPath } = readSettings(scope);
  const base: ContenderItem = itemOf(
    { name, scorer: { modelPath: path } },
    adapter === undefined ? "the model in force" : "without its adapter",
  );
  const adapted =
    adapter === undefined
      ? []
      : [
          itemOf(
            {
              name: `${name} + ${adapter}`,
              scorer: { modelPath: path, adapterPath },
            },
            "in force",
          ),
        ];
  const pocket =
    path === models.pocketPath
      ? []
      : [
          itemOf({
            name: "Pocket model",
            scorer: { modelPath: models.pocketPath },
          }),
        ];
  return [...adapted, base, ...pocket];
}

async function find(
  { runs, runModels }: ContenderSources,
  scope: vscode.Uri,
  add: (...items: ContenderItem[]) => void,
  signal: AbortSignal,
): Promise<void> {
  if (vscode.workspace.isTrusted) {
    for (const { folder } of runs.all()) {
      if (signal.aborted) return;
      const found = await runItems(folder, runModels).catch(() => []);
      if (found.length > 0) add(...found);
    }
  }
  const folders = readSettings(scope).modelFolders;
  const discovered = await discoverModels({ folders, signal }).catch(() => []);
  if (discovered.length === 0) return;
  add(
    {
      label: "Found on this machine",
      kind: vscode.QuickPickItemKind.Separator,
    },
    ...discovered.map(({ name, path }) =>
      itemOf({ name, scorer: { modelPath: path } }, path),
    ),
  );
}

/** A run's base and its checkpoints; none where its model is not there. */
async function runItems(
  folder: string,
  runModels: RunModels,
): Promise<ContenderItem[]> {
  const run = await readRunFacts(folder);
  const modelPath = await runModels.pathOf(run, false);
  if (modelPath === undefined) return [];
  const base = runModels.nameOf(modelPath);
  const checkpoints = await checkpointsOf(folder);
  return [
    { label: labelText(run.name), kind: vscode.QuickPickItemKind.Separator },
    itemOf({ name: base, scorer: { modelPath } }, "the run's base"),
    ...checkpoints
      .filter(({ ready }) => ready)
      .map(({ adapterPath }) =>
        itemOf({
          name: `${base} + ${adapterName(adapterPath)}`,
          scorer: { modelPath, adapterPath },
        }),
      ),
  ];
}

function itemOf(contender: Contender, description = ""): ContenderItem {
  return {
    label: labelText(contender.name),
    description: labelText(description),
    contender,
  };
}
