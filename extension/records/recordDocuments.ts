import path from "node:path";
import * as vscode from "vscode";
import { type TraceDocument, traceDocument } from "../../core/traces/document";
import { describeRecordError } from "../../core/traces/recordsFile";
import type { RecordContent } from "../inspect/target";
import type { OpenFiles } from "./openFiles";
import {
  RECORD_SCHEME,
  type RecordAddress,
  parseRecordUri,
  recordUriParts,
} from "./recordUri";

interface Shown extends RecordContent {
  readonly document: TraceDocument;
}

/** The URI of a record's virtual document. */
export function recordUri(address: RecordAddress): vscode.Uri {
  return vscode.Uri.from(recordUriParts(address));
}

/** Gives the virtual documents of records their text, and remembers what of it is the response. */
export class RecordDocuments
  implements vscode.TextDocumentContentProvider, vscode.Disposable
{
  private readonly shown = new Map<string, Shown>();
  private readonly changed = new vscode.EventEmitter<vscode.Uri>();
  private readonly subscriptions: vscode.Disposable[];

  readonly onDidChange = this.changed.event;

  constructor(private readonly files: OpenFiles) {
    this.subscriptions = [
      this.changed,
      vscode.workspace.registerTextDocumentContentProvider(RECORD_SCHEME, this),
      vscode.workspace.onDidSaveTextDocument(({ uri }) => this.onSaved(uri)),
      vscode.workspace.onDidCloseTextDocument(({ uri }) =>
        this.shown.delete(uri.toString()),
      ),
    ];
  }

  /** What a record's document was made of; undefined for other documents, and for records that could not be read. */
  contentOf(uri: vscode.Uri): RecordContent | undefined {
    return this.shown.get(uri.toString());
  }

  /** Line of the record in its file, from 1; undefined for other documents. */
  sourceLineOf(uri: vscode.Uri): number | undefined {
    return this.shown.get(uri.toString())?.document.sourceLine;
  }

  async provideTextDocumentContent(uri: vscode.Uri): Promise<string> {
    const address = parseRecordUri(uri);
    if (address === undefined) return "This address names no record.\n";
    const name = path.basename(address.file);
    try {
      const records = await this.files.recordsOf(address.file);
      const parsed = await records.read(address.index);
      if (parsed.kind === "error") {
        this.shown.delete(uri.toString());
        return `Record ${address.index} of ${name} cannot be read.\n${describeRecordError(parsed)}\n`;
      }
      const { record } = parsed;
      const document = traceDocument(record, name);
      this.shown.set(uri.toString(), {
        document,
        response: record.response,
        conditioning: record.conditioning,
        responseStart: document.responseStart,
      });
      return document.text;
    } catch (error) {
      this.shown.delete(uri.toString());
      const reason = error instanceof Error ? error.message : String(error);
      return `Record ${address.index} of ${name} cannot be read.\n${reason}\n`;
    }
  }

  dispose(): void {
    for (const one of this.subscriptions) one.dispose();
  }

  /** The records of a file that was saved are read anew. */
  private onSaved(uri: vscode.Uri): void {
    if (uri.scheme !== "file") return;
    for (const document of vscode.workspace.textDocuments) {
      if (parseRecordUri(document.uri)?.file === uri.fsPath)
        this.changed.fire(document.uri);
    }
  }
}
