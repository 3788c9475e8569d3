import path from "node:path";
import * as vscode from "vscode";
import type { RecordsFile } from "../../core/traces/recordsFile";
import type { OpenFiles } from "./openFiles";
import { pickRecord } from "./pickRecord";
import { type RecordDocuments, recordUri } from "./recordDocuments";
import type { RecordProblems } from "./recordProblems";
import { type RecordAddress, parseRecordUri } from "./recordUri";

/** Files up to this size are indexed without a notification, in bytes. */
const QUIET_SIZE = 32 * 1024 * 1024;
/** Records that Next and Previous step over because they are malformed, before they give up. */
const MOST_SKIPPED = 1000;
/** Lines of header and prompt above which the view starts at the response. */
const LONG_HEADER = 20;

/** The commands on records: open one, go to its neighbours, go to its source. */
export class RecordCommands {
  constructor(
    private readonly files: OpenFiles,
    private readonly documents: RecordDocuments,
    private readonly problems: RecordProblems,
  ) {}

  /**
   * Opens a record: of the active editor's file the one at the cursor, of another file the one that the user picks.
   * @param resource the file, where a menu names it
   * @returns the record's document; undefined where the user gave up
   * @throws Error saying what is wrong with the file
   */
  async open(resource?: vscode.Uri): Promise<vscode.TextDocument | undefined> {
    const editor = vscode.window.activeTextEditor;
    const uri = resource ?? editor?.document.uri ?? (await chooseFile());
    if (uri === undefined) return undefined;
    const current = parseRecordUri(uri);
    const fileUri = current ? vscode.Uri.file(current.file) : uri;
    if (fileUri.scheme !== "file") {
      const chosen = await chooseFile();
      return chosen && this.open(chosen);
    }
    if (!(await saved(fileUri))) return undefined;
    const file = fileUri.fsPath;
    const records = await this.index(file);
    if (records === undefined) return undefined;
    this.problems.checkInBackground(file, records);
    const line =
      editor?.document.uri.toString() === fileUri.toString()
        ? editor.selection.active.line + 1
        : undefined;
    const index =
      line === undefined
        ? await pickRecord(records, current?.index)
        : (records.indexAtLine(line) ?? records.count);
    return index === undefined ? undefined : this.show({ file, index });
  }

  /**
   * Opens the next or previous record that can be read.
   * @param step 1 or -1
   */
  async step(step: 1 | -1): Promise<vscode.TextDocument | undefined> {
    const address = this.active();
    if (address === undefined) return undefined;
    const records = await this.index(address.file);
    if (records === undefined) return undefined;
    let index = address.index + step;
    for (let skipped = 0; skipped < MOST_SKIPPED; skipped++, index += step) {
      if (index < 1 || index > records.count) break;
      if ((await records.read(index)).kind === "record")
        return this.show({ file: address.file, index });
    }
    vscode.window.setStatusBarMessage(
      `Forksight: ${step > 0 ? "this is the last record" : "this is the first record"} of ${path.basename(address.file)} that can be read.`,
      4000,
    );
    return undefined;
  }

  /** Shows the line of the file that the active record was read from. */
  async goToSourceLine(): Promise<void> {
    const address = this.active();
    const uri = vscode.window.activeTextEditor?.document.uri;
    if (address === undefined || uri === undefined) return;
    const records = await this.index(address.file);
    if (records === undefined) return;
    const line =
      this.documents.sourceLineOf(uri) ?? records.place(address.index).line;
    const place = new vscode.Range(line - 1, 0, line - 1, 0);
    await vscode.window.showTextDocument(vscode.Uri.file(address.file), {
      selection: place,
    });
  }

  /** Reads every record of a file and lists those that are malformed in the Problems view. */
  async check(resource?: vscode.Uri): Promise<void> {
    const active = vscode.window.activeTextEditor?.document.uri;
    const uri = resource ?? active ?? (await chooseFile());
    if (uri === undefined) return;
    const file = parseRecordUri(uri)?.file ?? uri.fsPath;
    const records = await this.index(file);
    if (records !== undefined) await this.problems.check(file, records);
  }

  private active(): RecordAddress | undefined {
    const editor = vscode.window.activeTextEditor;
    return editor && parseRecordUri(editor.document.uri);
  }

  /**
   * Shows a record, from its response on.
   * @param options where; the active editor's column where they name none
   */
  async show(
    address: RecordAddress,
    options: vscode.TextDocumentShowOptions = {},
  ): Promise<vscode.TextDocument> {
    const document = await vscode.workspace.openTextDocument(
      recordUri(address),
    );
    const active = vscode.window.activeTextEditor;
    const editor = await vscode.window.showTextDocument(document, {
      ...(active?.viewColumn !== undefined && {
        viewColumn: active.viewColumn,
      }),
      preview: true,
      ...options,
    });
    const content = this.documents.contentOf(document.uri);
    if (content !== undefined) {
      const start = document.positionAt(content.responseStart);
      editor.selection = new vscode.Selection(start, start);
      const top = start.line > LONG_HEADER ? start.line - 2 : 0;
      editor.revealRange(
        new vscode.Range(top, 0, top, 0),
        vscode.TextEditorRevealType.AtTop,
      );
    }
    return document;
  }

  /** Undefined where the user cancelled. */
  private async index(file: string): Promise<RecordsFile | undefined> {
    const uri = vscode.Uri.file(file);
    const { size } = await vscode.workspace.fs.stat(uri);
    const name = path.basename(file);
    return vscode.window.withProgress(
      {
        location:
          size > QUIET_SIZE
            ? vscode.ProgressLocation.Notification
            : vscode.ProgressLocation.Window,
        title: `Forksight: finding the records of ${name}`,
        cancellable: size > QUIET_SIZE,
      },
      async (progress, token) => {
        const abort = new AbortController();
        token.onCancellationRequested(() => abort.abort());
        let shown = 0;
        try {
          return await this.files.recordsOf(file, {
            signal: abort.signal,
            onProgress: (done, total) => {
              const percent = (100 * done) / total;
              progress.report({ increment: percent - shown });
              shown = percent;
            },
          });
        } catch (error) {
          if (abort.signal.aborted) return undefined;
          throw error;
        }
      },
    );
  }
}

async function chooseFile(): Promise<vscode.Uri | undefined> {
  const chosen = await vscode.window.showOpenDialog({
    title: "Open a record of rollouts",
    openLabel: "Open",
    filters: { Rollouts: ["jsonl", "ndjson", "json"], "All files": ["*"] },
  });
  return chosen?.[0];
}

/** Records are read from the disk: unsaved changes would be missing from them. */
async function saved(uri: vscode.Uri): Promise<boolean> {
  const document = vscode.workspace.textDocuments.find(
    (one) => one.uri.toString() === uri.toString() && one.isDirty,
  );
  if (document === undefined) return true;
  const answer = await vscode.window.showWarningMessage(
    `${path.basename(uri.fsPath)} has unsaved changes; records are read from the file as it is on disk.`,
    "Save and Open",
    "Open Without Saving",
  );
  if (answer === "Save and Open") return document.save();
  return answer !== undefined;
}
