import { stat } from "node:fs/promises";
import path from "node:path";
import * as vscode from "vscode";
import { namedFiles } from "../../core/run/namedFiles";
import { readRunFile, type RunFileError } from "../../core/run/runFile";
import { isRunFile } from "./runFile";

/** Milliseconds after the last edit. */
const SETTLE = 250;

/** A diagnostic that knows the name that was probably meant. */
export class RunFileDiagnostic extends vscode.Diagnostic {
  constructor(
    range: vscode.Range,
    message: string,
    severity: vscode.DiagnosticSeverity,
    /** Takes the place of the text in `range`. */
    readonly suggestion?: string,
  ) {
    super(range, message, severity);
    this.source = "Forksight";
  }
}

/** Checks open run files while they are edited: errors of the schema, settings without effect, and files that are not there. */
export class RunFileDiagnostics implements vscode.Disposable {
  private readonly collection = vscode.languages.createDiagnosticCollection(
    "forksight-run-files",
  );
  private readonly subscriptions: readonly vscode.Disposable[];
  private readonly timers = new Map<string, NodeJS.Timeout>();

  constructor() {
    this.subscriptions = [
      this.collection,
      vscode.workspace.onDidOpenTextDocument((one) => this.checkSoon(one, 0)),
      vscode.workspace.onDidChangeTextDocument(({ document }) =>
        this.checkSoon(document, SETTLE),
      ),
      vscode.workspace.onDidSaveTextDocument((one) => this.checkSoon(one, 0)),
      vscode.workspace.onDidCloseTextDocument(({ uri }) => {
        clearTimeout(this.timers.get(uri.toString()));
        this.timers.delete(uri.toString());
        this.collection.delete(uri);
      }),
      // A file that was missing may be there now.
      vscode.window.onDidChangeActiveTextEditor((editor) => {
        if (editor) this.checkSoon(editor.document, 0);
      }),
    ];
    for (const one of vscode.workspace.textDocuments) this.checkSoon(one, 0);
  }

  dispose(): void {
    for (const timer of this.timers.values()) clearTimeout(timer);
    for (const one of this.subscriptions) one.dispose();
  }

  private checkSoon(document: vscode.TextDocument, delay: number): void {
    if (!isRunFile(document.uri)) return;
    const key = document.uri.toString();
    clearTimeout(this.timers.get(key));
    const check = () => {
      this.timers.delete(key);
      void this.check(document);
    };
    this.timers.set(key, setTimeout(check, delay));
  }

  private async check(document: vscode.TextDocument): Promise<void> {
    const { version } = document;
    const text = document.getText();
    const read = readRunFile(text);
    const { Error, Information } = vscode.DiagnosticSeverity;
    const errors = read.ok
      ? read.ignored.map((one) => ofError(document, one, Information))
      : read.errors.map((one) => ofError(document, one, Error));
    const missing = await missingFiles(document, text);
    if (document.version === version && !document.isClosed)
      this.collection.set(document.uri, [...errors, ...missing]);
  }
}

function ofError(
  document: vscode.TextDocument,
  { field, message, range, line, suggestion }: RunFileError,
  severity: vscode.DiagnosticSeverity,
): RunFileDiagnostic {
  const at = range
    ? new vscode.Range(
        document.positionAt(range.start),
        document.positionAt(range.end),
      )
    : document.lineAt(Math.max(0, (line ?? 1) - 1)).range;
  // A section's value may span many lines; its first says where.
  const first = at.isSingleLine
    ? at
    : new vscode.Range(at.start, document.lineAt(at.start).range.end);
  return new RunFileDiagnostic(
    first,
    field === "" ? message : `${field}: ${message}`,
    severity,
    suggestion,
  );
}

async function missingFiles(
  document: vscode.TextDocument,
  text: string,
): Promise<RunFileDiagnostic[]> {
  if (document.uri.scheme !== "file") return [];
  const folder = path.dirname(document.uri.fsPath);
  const found = namedFiles(text).map(async (named) => {
    const file = path.resolve(folder, named.path);
    const isThere = await stat(file).then(
      () => true,
      () => false,
    );
    if (isThere || named.mayBeHubId) return [];
    const range = new vscode.Range(
      document.positionAt(named.start),
      document.positionAt(named.end),
    );
    const message = `${named.field}: there is no file ${file}. Paths are relative to this file.`;
    return [
      new RunFileDiagnostic(range, message, vscode.DiagnosticSeverity.Warning),
    ];
  });
  return (await Promise.all(found)).flat();
}
