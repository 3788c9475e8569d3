import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import * as vscode from "vscode";
import { stringify } from "yaml";
import { ARMS } from "../../core/run/arms";
import { absolutePaths } from "../runFiles/absolutePaths";
import { openDashboard, runFileOf } from "../runs/launchRunFile";
import { freshFolder, type Launcher } from "../runs/launcher";
import { armFolder, type Comparison } from "./comparison";
import type { Comparisons } from "./comparisons";

/** The settings of all arms, in the group folder. */
const SHARED_FILE = "comparison.forksight.yaml";

/** The paper's comparison from one run file. @param argument as in `launchRunFile` */
export async function compareArms(
  launcher: Launcher,
  comparisons: Comparisons,
  argument?: unknown,
): Promise<void> {
  const file = await runFileOf(argument, "Compare Arms");
  const launchable = file && (await launcher.prepare(file));
  if (launchable === undefined) return;
  const { settings, name, trustRewards, runFile } = launchable;
  const arms = await pickArms(settings.mask.rho);
  if (arms === undefined || arms.length === 0) return;
  const inTurn = arms.length === 1 ? true : await pickOrder();
  if (inTurn === undefined) return;
  const folder = freshFolder(runFile, `${name}-arms`);
  // A copy: who edits the run file while an arm waits would compare apples and oranges.
  const shared = join(folder, SHARED_FILE);
  const from = dirname(runFile.fsPath);
  const absolute = absolutePaths(settings, from);
  await mkdir(folder, { recursive: true });
  await writeFile(
    shared,
    `# The settings of the arms in this folder, from ${runFile.fsPath}\n${stringify(absolute)}`,
  );
  const queue: Comparison = {
    format: 1,
    ...{ folder, name, arms, waiting: arms, inTurn, trustRewards },
    runFile: shared,
  };
  await comparisons.start(queue);
  await openDashboard(
    arms
      .filter((arm) => !comparisons.waitingIn(folder).includes(arm))
      .map((arm) => armFolder(queue, arm)),
  );
}

async function pickArms(rho: number): Promise<Comparison["arms"] | undefined> {
  const picked = await vscode.window.showQuickPick(
    ARMS.map(({ arm, meaning }) => ({
      label: arm,
      description: meaning,
      picked: arm === "all" || arm === "top",
      arm,
    })),
    {
      title: `Compare Arms (rho ${rho}, same seed and data)`,
      placeHolder: "Which tokens carry the gradient",
      canPickMany: true,
    },
  );
  return picked?.map(({ arm }) => arm);
}

async function pickOrder(): Promise<boolean | undefined> {
  const picked = await vscode.window.showQuickPick(
    [
      {
        label: "One after another",
        description: "each has the machine to itself",
        inTurn: true,
      },
      {
        label: "Side by side",
        description: "all at once, sharing memory and processors",
        inTurn: false,
      },
    ],
    { title: "Compare Arms" },
  );
  return picked?.inTurn;
}
