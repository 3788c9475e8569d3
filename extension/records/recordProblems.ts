import path from "node:path";
import * as vscode from "vscode";
import type { RecordError } from "../../core/traces/record";
import type { RecordsFile } from "../../core/traces/recordsFile";

/** Files of at most this many records are checked without being asked. */
const CHECKED_UNASKED = 2000;
/** Problems listed for one file; the log has the count of the rest. */
const MOST_LISTED = 500;

/** Lists the malformed records of files in the Problems view, with their line numbers. */
export class RecordProblems implements vscode.Disposable {
  private readonly diagnostics =
    vscode.languages.createDiagnosticCollection("forksight");
  private readonly checked = new WeakSet<RecordsFile>();

  constructor(private readonly log: vscode.LogOutputChannel) {}

  /** Checks a file that is small enough, once for each state of it. */
  checkInBackground(file: string, records: RecordsFile): void {
    if (records.count > CHECKED_UNASKED || this.checked.has(records)) return;
    this.checked.add(records);
    void this.list(file, records).catch((error: unknown) => {
      this.log.warn(`Could not check ${file}: ${String(error)}`);
    });
  }

  /** Checks a file of any size, with progress, and says what was found. */
  async check(file: string, records: RecordsFile): Promise<void> {
    const name = path.basename(file);
    const outcome = await vscode.window.withProgress(
      {
        location: vscode.ProgressLocation.Notification,
        title: `Forksight: checking the records of ${name}`,
        cancellable: true,
      },
      async (progress, token) => {
        const abort = new AbortController();
        token.onCancellationRequested(() => abort.abort());
        let shown = 0;
        const found = await this.list(file, records, {
          signal: abort.signal,
          onProgress: (done, total) => {
            const percent = Math.floor((100 * done) / total);
            if (percent === shown) return;
            progress.report({ increment: percent - shown });
            shown = percent;
          },
        });
        return abort.signal.aborted ? undefined : found;
      },
    );
    if (outcome === undefined) return;
    const total = records.count.toLocaleString("en");
    if (outcome === 0) {
      void vscode.window.showInformationMessage(
        `All ${total} records of ${name} can be read.`,
      );
      return;
    }
    const answer = await vscode.window.showWarningMessage(
      `${outcome.toLocaleString("en")} of the ${total} records of ${name} cannot be read. The others open.`,
      "Show Problems",
    );
    if (answer !== undefined)
      await vscode.commands.executeCommand("workbench.actions.view.problems");
  }

  dispose(): void {
    this.diagnostics.dispose();
  }

  private async list(
    file: string,
    records: RecordsFile,
    options: Parameters<RecordsFile["malformed"]>[0] = {},
  ): Promise<number> {
    const found: vscode.Diagnostic[] = [];
    if (records.problem !== undefined)
      found.push(
        diagnostic(records.place(records.count).line, records.problem),
      );
    let count = 0;
    for await (const error of records.malformed(options)) {
      count++;
      if (found.length < MOST_LISTED) found.push(ofError(error));
    }
    if (count > MOST_LISTED)
      this.log.warn(
        `${file}: ${count} records cannot be read; the first ${MOST_LISTED} are listed.`,
      );
    this.diagnostics.set(vscode.Uri.file(file), found);
    return count;
  }
}

function ofError({ index, line, message }: RecordError): vscode.Diagnostic {
  return diagnostic(line, `Record ${index}: ${message}`);
}

function diagnostic(line: number, message: string): vscode.Diagnostic {
  const range = new vscode.Range(line - 1, 0, line - 1, 1000);
  const problem = new vscode.Diagnostic(
    range,
    message,
    vscode.DiagnosticSeverity.Warning,
  );
  problem.source = "Forksight";
  return problem;
}
