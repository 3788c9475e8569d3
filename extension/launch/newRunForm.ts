import { existsSync } from "node:fs";
import path from "node:path";
import * as vscode from "vscode";
import { formOf, type FormValues } from "../../core/run/runForm";
import { formRoot, shownPath } from "./formPaths";
import type { Models } from "../models/modelInForce";

/** Training data is found by its name. */
const TRAINING_DATA = "**/*train*.jsonl";
const NOT_IN = "**/{node_modules,.forksight,.git}/**";
/** A held-out set beside `x-train.jsonl` is called one of these in place of `train`. */
const HELD_OUT = ["test", "heldout", "validation", "eval"];

/** Under these the pocket model learns within minutes (samples/runs); the schema's own suit larger models. */
const POCKET_SETTINGS = {
  rollout: { promptsPerStep: 16, maxTokens: 440 },
  optimizer: { schedule: "cosine" },
  parallel: 64,
  steps: 60,
  gpu: "off",
};

/** The form of a new run: the model in force, and the workspace's own training data where it has some. */
export async function newRunForm(models: Models): Promise<FormValues> {
  const model = models.inForce();
  const train = await trainingData();
  const test = train && heldOutBeside(train);
  const root = formRoot("");
  return formOf({
    ...(model.isPocket && POCKET_SETTINGS),
    model: model.path,
    ...(train !== undefined && {
      name: `${stemOf(train)}-top20`,
      data: {
        train: shownPath(train, root),
        eval: test === undefined ? {} : { test: shownPath(test, root) },
      },
    }),
  });
}

async function trainingData(): Promise<string | undefined> {
  const found = await vscode.workspace.findFiles(TRAINING_DATA, NOT_IN, 20);
  return found
    .filter(({ scheme }) => scheme === "file")
    .map(({ fsPath }) => fsPath)
    .sort((a, b) => a.length - b.length || a.localeCompare(b))[0];
}

function heldOutBeside(train: string): string | undefined {
  const name = path.basename(train);
  return HELD_OUT.map((other) =>
    path.join(path.dirname(train), name.replace("train", other)),
  ).find((file) => file !== train && existsSync(file));
}

/** `countdown-train.jsonl` reads "countdown". */
function stemOf(train: string): string {
  const stem = path
    .basename(train, path.extname(train))
    .replace(/[-_.]?train[-_.]?/, "");
  return stem === "" ? "run" : stem;
}
