import * as vscode from "vscode";
import { hasTokens, recordedTrace } from "../../core/rollouts/recordedTrace";
import { rolloutPlace } from "../../core/run/folder";
import { readRollout } from "../../core/run/readFolder";
import type { Engine } from "../engine/engine";
import type { Annotator } from "../inspect/annotator";
import { LiveTrace } from "../inspect/liveTrace";
import type { OpenFiles } from "../records/openFiles";
import type { RecordDocuments } from "../records/recordDocuments";
import { parseRecordUri } from "../records/recordUri";
import { type RunFacts, readRunFacts } from "./runFolder";
import type { RunModels } from "./runModels";

const CHOOSE = "Choose the Run's Model...";
const RESCORE = "Re-score...";

/** Shows records of a run's rollouts with the entropies that the trainer wrote down and the tokens that it kept. */
export class RecordedRollouts {
  /** Documents that are being shown, so that nobody does it twice. */
  private readonly underway = new Map<
    string,
    { readonly asked: boolean; readonly shown: Promise<boolean> }
  >();

  constructor(
    private readonly engine: Engine,
    private readonly files: OpenFiles,
    private readonly documents: RecordDocuments,
    private readonly annotator: Annotator,
    private readonly models: RunModels,
  ) {}

  /**
   * Colours a record's document by what was recorded.
   * @param asked whether the user waits for it: else what keeps it from being shown is not said
   * @returns false where the document is no rollout, or its recording cannot be shown
   */
  show(document: vscode.TextDocument, asked: boolean): Promise<boolean> {
    const key = document.uri.toString();
    const known = this.underway.get(key);
    if (known !== undefined) {
      if (known.asked || !asked) return known.shown;
      // The document that a click opened was begun in silence, and the click wants to hear what kept it.
      return known.shown.then((shown) => shown || this.show(document, true));
    }
    const shown = this.place(document, asked)
      .catch((error: unknown) => {
        if (asked) throw error;
        return false;
      })
      .finally(() => this.underway.delete(key));
    this.underway.set(key, { asked, shown });
    return shown;
  }

  private async place(
    document: vscode.TextDocument,
    asked: boolean,
  ): Promise<boolean> {
    const address = parseRecordUri(document.uri);
    const place = address && rolloutPlace(address.file);
    const content = this.documents.contentOf(document.uri);
    if (address === undefined || place === undefined || content === undefined)
      return false;
    const records = await this.files.recordsOf(address.file);
    const json = await records.json(address.index);
    if (json.kind === "error") throw new Error(json.message);
    const read = readRollout(json.value);
    if (!read.ok) {
      throw new Error(
        `This record holds no recorded tokens that can be shown (${read.message}). Annotate it to have a model score it.`,
      );
    }
    const rollout = read.value;
    if (!hasTokens(rollout)) {
      // It was imported from a log without tokens: the document stands as it is.
      if (asked) {
        vscode.window.setStatusBarMessage(
          "Forksight: this rollout's trainer recorded no tokens. Annotate it to have a model score it.",
          6000,
        );
      }
      return false;
    }
    const run = await readRunFacts(place.folder);
    const modelPath = await this.models.pathOf(run, asked);
    if (modelPath === undefined) return false;
    const pieces = await this.engine.request("pieces", {
      modelPath,
      ids: Int32Array.from(new Set(rollout.tokens.ids)),
    });
    const recorded = recordedTrace(rollout, pieces, run);
    if (!recorded.ok) {
      if (asked) void this.offerAnother(recorded.message, run, document);
      return false;
    }
    const live = LiveTrace.of(recorded.trace, content.responseStart, {
      kind: "mask",
      kept: recorded.kept,
    });
    this.annotator.place(document.uri, "record", live);
    return true;
  }

  private async offerAnother(
    message: string,
    run: RunFacts,
    document: vscode.TextDocument,
  ): Promise<void> {
    const answer = await vscode.window.showErrorMessage(
      `Forksight: ${message}`,
      CHOOSE,
      RESCORE,
    );
    if (answer === RESCORE)
      await vscode.commands.executeCommand("forksight.rescore");
    else if (answer === CHOOSE && (await this.models.choose(run)))
      await this.show(document, true);
  }
}
