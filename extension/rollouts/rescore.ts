import * as vscode from "vscode";
import { labelText } from "../../core/panels/visibleText";
import { adapterName } from "../../core/run/adapterName";
import { rolloutPlace } from "../../core/run/folder";
import type { Annotations } from "../inspect/annotations";
import type { Annotator, Scorer } from "../inspect/annotator";
import type { Models } from "../models/modelInForce";
import { parseRecordUri } from "../records/recordUri";
import type { RecordedRollouts } from "./recordedRollouts";
import { checkpointsOf, readRunFacts } from "./runFolder";
import type { RunModels } from "./runModels";

interface Choice extends vscode.QuickPickItem {
  /** `recorded`: what the trainer wrote. `inForce`: as Annotate does. */
  readonly by?: "recorded" | "inForce" | "run";
  readonly adapterPath?: string;
}

export interface RescoreParts {
  readonly annotations: Annotations;
  readonly annotator: Annotator;
  readonly models: Models;
  readonly runModels: RunModels;
  readonly recorded: RecordedRollouts;
}

/** Has the active rollout scored by another model or checkpoint, or shows again what was recorded. */
export async function rescore(parts: RescoreParts): Promise<void> {
  const document = vscode.window.activeTextEditor?.document;
  const address = document && parseRecordUri(document.uri);
  const place = address && rolloutPlace(address.file);
  if (document === undefined || place === undefined) {
    throw new Error(
      "Open a rollout of a run first: the panel Rollouts lists them.",
    );
  }
  const { models, annotations, annotator } = parts;
  const run = await readRunFacts(place.folder);
  const inForce = models.inForce(document.uri);
  const isRecorded =
    annotations.of(document.uri)?.live?.trace.recorded !== undefined;
  const items: Choice[] = [
    {
      label: isRecorded ? "$(check) As recorded" : "As recorded",
      description: `by ${labelText(run.name)} in step ${place.step}`,
      by: "recorded",
    },
    {
      label: labelText(inForce.name),
      description: labelText(
        `${inForce.adapter === undefined ? "" : `with ${inForce.adapter}, `}the model in force`,
      ),
      by: "inForce",
    },
  ];
  if (vscode.workspace.isTrusted) {
    items.push(
      { label: labelText(run.name), kind: vscode.QuickPickItemKind.Separator },
      {
        label: "Base model",
        description: labelText(parts.runModels.nameOf(run.modelPath)),
        by: "run",
      },
    );
    for (const { step, adapterPath } of await checkpointsOf(place.folder)) {
      items.push({
        label: `Step ${step}`,
        description: labelText(adapterName(adapterPath)),
        by: "run",
        adapterPath,
      });
    }
  }
  const chosen = await vscode.window.showQuickPick(items, {
    title: "By which model is this rollout scored?",
    matchOnDescription: true,
  });
  switch (chosen?.by) {
    case "recorded":
      await parts.recorded.show(document, true);
      break;
    case "inForce":
      await annotator.annotate(document, { asked: true });
      break;
    case "run": {
      const modelPath = await parts.runModels.pathOf(run, true);
      if (modelPath === undefined) return;
      const { adapterPath } = chosen;
      const scorer: Scorer = {
        modelPath,
        ...(adapterPath !== undefined && { adapterPath }),
      };
      await annotator.annotate(document, { asked: true, scorer });
      break;
    }
    case undefined:
      break;
  }
}
