import * as vscode from "vscode";
import { compareTraces } from "../../core/annotation/compareTraces";
import { isAbort } from "../../native/client/engineError";
import { readSettings } from "../configuration";
import type { Annotator } from "../inspect/annotator";
import type { Score, Scoring } from "../inspect/scoring";
import type { Target } from "../inspect/target";
import type { ModelComparisons } from "./modelComparisons";
import {
  type Contender,
  type ContenderSources,
  pickContender,
} from "./contenders";

export interface CompareParts extends ContenderSources {
  readonly annotator: Annotator;
  readonly scoring: Scoring;
  readonly comparisons: ModelComparisons;
}

/** Has the active document scored by two models, and shows how their forks differ. */
export async function compareModels(parts: CompareParts): Promise<void> {
  const document = vscode.window.activeTextEditor?.document;
  const target = document && parts.annotator.targetOf(document);
  if (document === undefined || target === undefined || target.text === "") {
    throw new Error(
      "Open a chain of thought first: two models are compared on the text of the active editor.",
    );
  }
  const { uri, version } = document;
  const a = await pickContender(parts, "Compare Models: from (1 of 2)", uri);
  if (a === undefined) return;
  const b = await pickContender(
    parts,
    `Compare Models: from ${a.name} to (2 of 2)`,
    uri,
  );
  if (b === undefined) return;
  const scores = await scoreBoth(parts, uri, target, [a, b]);
  if (scores === undefined) return;
  if (document.version !== version || document.isClosed) {
    throw new Error(
      "The text changed while it was scored, so the two models are not compared. Try again.",
    );
  }
  const { cut } = readSettings(uri);
  const [scoreA, scoreB] = scores;
  const comparison = compareTraces(scoreA.trace, scoreB.trace, cut);
  const origin = target.regionStart;
  const traceA = scoreA.trace;
  parts.comparisons.put({ uri, a, b, traceA, comparison, origin });
  await vscode.commands.executeCommand("forksight.comparison.focus", {
    preserveFocus: true,
  });
}

/** Undefined where the user cancelled. */
async function scoreBoth(
  { annotator, scoring }: CompareParts,
  uri: vscode.Uri,
  target: Target,
  [a, b]: readonly [Contender, Contender],
): Promise<readonly [Score, Score] | undefined> {
  return vscode.window.withProgress(
    {
      location: vscode.ProgressLocation.Notification,
      title: "Forksight: comparing models",
      cancellable: true,
    },
    async (progress, token) => {
      const abort = new AbortController();
      token.onCancellationRequested(() => abort.abort());
      const scoreBy = async ({ name, scorer }: Contender): Promise<Score> => {
        let shown = 0;
        const request = annotator.requestOf(uri, target, scorer);
        progress.report({ message: name });
        const score = await scoring.score(
          request,
          abort.signal,
          ({ done, total }) => {
            const percent = (50 * done) / total;
            progress.report({ message: name, increment: percent - shown });
            shown = percent;
          },
        );
        progress.report({ increment: 50 - shown });
        void scoring.keep(score);
        return score;
      };
      try {
        return [await scoreBy(a), await scoreBy(b)] as const;
      } catch (error) {
        if (isAbort(error)) return undefined;
        throw error;
      }
    },
  );
}
