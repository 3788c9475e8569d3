import * as vscode from "vscode";
import { readSettings, writeSetting } from "./configuration";
import type { Engine } from "./engine/engine";
import type { Failures } from "./engine/failures";
import type { StatusItem } from "./engine/statusItem";
import type { Annotations } from "./inspect/annotations";
import type { Annotator } from "./inspect/annotator";
import { copyAsJson } from "./inspect/copyJson";
import { setCut } from "./inspect/cutCommand";
import type { ForksView } from "./inspect/forksView";
import { Navigation } from "./inspect/navigation";
import type { Scoring } from "./inspect/scoring";
import { chooseModel } from "./models/chooseModel";
import type { CudaBackEnd } from "./models/cudaBackEnd";
import type { Models } from "./models/modelInForce";
import type { RecordCommands } from "./records/openRecord";
import { RECORD_SCHEME } from "./records/recordUri";
import { registrar } from "./registrar";
import type { RolloutCommands } from "./rollouts/rolloutCommands";

/** What the commands act on. */
export interface CommandParts {
  readonly context: vscode.ExtensionContext;
  readonly log: vscode.LogOutputChannel;
  readonly engine: Engine;
  readonly failures: Failures;
  readonly models: Models;
  readonly cuda: CudaBackEnd;
  readonly scoring: Scoring;
  readonly annotations: Annotations;
  readonly annotator: Annotator;
  readonly forks: ForksView;
  readonly status: StatusItem;
  readonly records: RecordCommands;
  readonly rollouts: RolloutCommands;
}

/** The sample trace that comes with the extension. */
const SAMPLE = ["samples", "traces", "countdown-long.txt"];

/** Files whose lines are records: annotating one means the record at the cursor. */
const RECORD_FILE = /\.(jsonl|ndjson)$/i;

/** Registers the commands of reading traces. */
export function registerCommands(parts: CommandParts): vscode.Disposable[] {
  const { annotations, annotator, engine, failures, forks, records } = parts;
  const navigation = new Navigation(annotations);
  const register = registrar(failures);
  const annotateRecord = async (
    opened: Promise<vscode.TextDocument | undefined>,
  ) => {
    const document = await opened;
    if (document !== undefined) await annotator.annotate(document, ASKED);
  };
  return [
    register("annotate", async () => {
      const document = vscode.window.activeTextEditor?.document;
      if (document === undefined) return noEditor();
      if (isRecordFile(document)) await annotateRecord(records.open());
      else await annotator.annotate(document, ASKED);
    }),
    register("annotateSelection", () => annotateSelection(annotator)),
    register("clear", () => withUri((uri) => annotator.clear(uri))),
    register("cancel", () => withUri((uri) => annotator.stop(uri))),
    register("nextFork", () => navigation.next()),
    register("previousFork", () => navigation.previous()),
    register("revealFork", (token: number, uri: string) =>
      navigation.revealFork(vscode.Uri.parse(uri), token),
    ),
    register("chooseModel", () => chooseModel(parts)),
    register("setCut", () => setCut(annotations.active()?.live)),
    register("toggleDisplay", toggleDisplay),
    register("copyJson", () => copyAsJson(annotations.active()?.live)),
    register("openRecord", (uri?: vscode.Uri) =>
      records.open(uri instanceof vscode.Uri ? uri : undefined),
    ),
    register("nextRecord", () => step(parts, 1)),
    register("previousRecord", () => step(parts, -1)),
    register("goToSourceLine", () => records.goToSourceLine()),
    register("checkRecords", (uri?: vscode.Uri) =>
      records.check(uri instanceof vscode.Uri ? uri : undefined),
    ),
    register("installCuda", () => parts.cuda.install(engine)),
    register("removeCuda", () => parts.cuda.remove(engine)),
    register("restartEngine", async () => {
      await engine.restart();
      await annotator.refresh();
    }),
    register("unloadModel", () => engine.request("unload", null)),
    register("clearCache", async () => {
      await parts.scoring.clearCache();
      void vscode.window.showInformationMessage(
        "Forksight: the cached annotations are deleted.",
      );
    }),
    register("showLog", () => parts.log.show()),
    register("showMenu", () => parts.status.showMenu()),
    register("openSample", () => openSample(parts.context)),
    register("forksByEntropy", () => forks.setOrder("entropy")),
    register("forksInOrder", () => forks.setOrder("position")),
  ];
}

const ASKED = { asked: true } as const;

function noEditor(): void {
  void vscode.window.showInformationMessage(
    "Open a chain of thought first: plain text, Markdown, or a record of rollouts.",
  );
}

function withUri(run: (uri: vscode.Uri) => void): void {
  const uri = vscode.window.activeTextEditor?.document.uri;
  if (uri !== undefined) run(uri);
}

function isRecordFile({ uri }: vscode.TextDocument): boolean {
  return uri.scheme === "file" && RECORD_FILE.test(uri.path);
}

async function annotateSelection(annotator: Annotator): Promise<void> {
  const editor = vscode.window.activeTextEditor;
  if (editor === undefined) return noEditor();
  const { document, selection } = editor;
  if (selection.isEmpty) {
    await annotator.annotate(document, ASKED);
    return;
  }
  const start = document.offsetAt(selection.start);
  const end = document.offsetAt(selection.end);
  await annotator.annotate(document, { ...ASKED, selection: { start, end } });
}

async function toggleDisplay(): Promise<void> {
  const uri = vscode.window.activeTextEditor?.document.uri;
  const { display } = readSettings(uri);
  await writeSetting("display", display === "forks" ? "heat" : "forks", uri);
}

/** Going on from an annotated record, its neighbour is annotated too, from a recorded rollout with what was recorded. */
async function step(
  { annotations, annotator, records, rollouts }: CommandParts,
  direction: 1 | -1,
): Promise<void> {
  const uri = vscode.window.activeTextEditor?.document.uri;
  const before =
    uri?.scheme === RECORD_SCHEME ? annotations.of(uri) : undefined;
  const document = await records.step(direction);
  if (document === undefined || before === undefined) return;
  if (before.live?.trace.recorded !== undefined)
    await rollouts.recorded.show(document, true);
  else await annotator.annotate(document, ASKED);
}

/** Opens the sample as a document of its own, so that editing it changes nothing that is installed. */
async function openSample(context: vscode.ExtensionContext): Promise<void> {
  const file = vscode.Uri.joinPath(context.extensionUri, ...SAMPLE);
  const bytes = await vscode.workspace.fs.readFile(file);
  const document = await vscode.workspace.openTextDocument({
    language: "plaintext",
    content: new TextDecoder().decode(bytes),
  });
  await vscode.window.showTextDocument(document);
}
