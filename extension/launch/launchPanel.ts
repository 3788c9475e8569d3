import path from "node:path";
import * as vscode from "vscode";
import { launchHtml } from "../../core/panels/launchHtml";
import {
  type FormState,
  type FromLaunchPanel,
  readFromLaunchPanel,
  type ToLaunchPanel,
} from "../../core/panels/launchProtocol";
import { checkForm, type FormValues } from "../../core/run/runForm";
import type { Failures } from "../engine/failures";
import { formRoot, shownPath, typedPaths } from "./formPaths";
import type { RunFacts } from "./runFacts";
import { readText, saveAs, saveBack, type SavedFile } from "./saveRunFile";
import type { Surroundings } from "./surroundings";
import { showPage } from "../webviewPage";

/** What a panel works with. */
export interface LaunchParts {
  readonly extensionUri: vscode.Uri;
  readonly failures: Failures;
  readonly facts: RunFacts;
  readonly surroundings: () => Surroundings;
  /** Opens a form that was closed before it was saved. */
  readonly openAgain: (
    form: FormState,
    saved: SavedFile | undefined,
    untouched: FormValues | undefined,
  ) => void;
}

/** One launch panel: the form of one run file, new or saved. */
export class LaunchPanel {
  private readonly surroundings: Surroundings;
  private readonly subscriptions: vscode.Disposable[] = [];
  /** As the form's file was when the form was read from it, or saved to it. */
  private saved: SavedFile | undefined;
  /** Whether the form was read anew, and what the page has kept is older. */
  private isNewer = false;
  private asking = new AbortController();

  /**
   * @param form what the page shall show where it has kept nothing of its own
   * @param saved the file that it comes from, if any
   * @param untouched the form as it was read from the file or saved to it; undefined where that is not known
   */
  constructor(
    readonly panel: vscode.WebviewPanel,
    private form: FormState,
    saved: SavedFile | undefined,
    private untouched: FormValues | undefined,
    private readonly parts: LaunchParts,
  ) {
    this.saved = saved;
    this.surroundings = parts.surroundings();
    const { webview } = panel;
    this.subscriptions.push(
      this.surroundings,
      this.surroundings.onDidChange(() => this.post(this.surroundings.message)),
      vscode.workspace.onDidGrantWorkspaceTrust(() =>
        this.post(this.surroundings.message),
      ),
      webview.onDidReceiveMessage((message: unknown) => {
        const known = readFromLaunchPanel(message);
        if (known !== undefined) void this.receive(known);
      }),
    );
    panel.onDidDispose(() => this.dispose());
    this.showTitle();
    showPage(webview, parts.extensionUri, "launch", launchHtml);
    this.surroundings.look();
  }

  /** Absolute path of the run file; undefined for a form that was never saved. */
  get file(): string | undefined {
    return this.saved?.file;
  }

  /** Shows what the file says now, unless something was filled in since it was last read or written. */
  readAgain(values: FormValues, saved: SavedFile): void {
    if (this.saved?.text === saved.text || this.isTouched) return;
    this.saved = saved;
    this.form = { ...this.form, values };
    this.untouched = values;
    this.isNewer = true;
    this.post({ type: "form", form: this.form });
  }

  private get isTouched(): boolean {
    return JSON.stringify(this.form.values) !== JSON.stringify(this.untouched);
  }

  private async receive(message: FromLaunchPanel): Promise<void> {
    try {
      await this.act(message);
    } catch (error) {
      if (!(error instanceof vscode.CancellationError))
        void this.parts.failures.show(error, true);
    }
  }

  private async act(message: FromLaunchPanel): Promise<void> {
    switch (message.type) {
      case "ready":
        if (message.form === undefined || this.isNewer)
          this.post({ type: "form", form: this.form });
        else this.form = message.form;
        this.post(this.surroundings.message);
        await this.tellFacts(this.form.values);
        break;
      case "changed":
        this.isNewer = false;
        this.form = { ...this.form, values: message.values };
        this.showTitle();
        await this.tellFacts(message.values);
        break;
      case "browse":
        await this.browse(message);
        break;
      case "save":
        await this.save(message.values, message.as);
        break;
      case "launch":
        await this.launch(message.values);
        break;
      case "remedy":
        await this.surroundings.mend(message.engine);
        break;
      case "manageTrust":
        await vscode.commands.executeCommand("workbench.trust.manage");
        break;
      case "openFile":
        if (this.file !== undefined)
          await vscode.window.showTextDocument(vscode.Uri.file(this.file));
        break;
      case "openLine":
        await this.openLine(message.path, message.line);
        break;
    }
  }

  /** Answers only the newest question. */
  private async tellFacts(values: FormValues): Promise<void> {
    this.asking.abort();
    this.asking = new AbortController();
    const { signal } = this.asking;
    try {
      const facts = await this.parts.facts.of(values, this.root, signal);
      if (!signal.aborted) this.post({ type: "facts", facts });
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  private async browse({
    field,
    folder,
    row,
  }: Extract<FromLaunchPanel, { type: "browse" }>): Promise<void> {
    const chosen = await vscode.window.showOpenDialog({
      title: folder
        ? "Choose a model folder"
        : (TITLES[field] ?? "Choose a file"),
      openLabel: "Choose",
      canSelectFiles: !folder,
      canSelectFolders: folder,
      ...(this.root !== undefined && {
        defaultUri: vscode.Uri.file(this.root),
      }),
      ...(!folder && FILTERS[field] && { filters: FILTERS[field] }),
    });
    const uri = chosen?.[0];
    if (uri === undefined) return;
    this.post({
      type: "picked",
      field,
      path: shownPath(uri.fsPath, this.root),
      ...(row !== undefined && { row }),
    });
  }

  /** @returns whether it is saved */
  private async save(values: FormValues, isAs: boolean): Promise<boolean> {
    const settings = typedPaths(checkForm(values).written, this.root);
    const saved =
      this.saved === undefined || isAs
        ? await saveAs(settings)
        : await saveBack(settings, this.saved);
    if (saved === undefined) return false;
    this.saved = saved;
    this.form = { ...this.form, values, file: saved.file };
    this.untouched = values;
    this.showTitle();
    this.post({ type: "saved", file: saved.file });
    vscode.window.setStatusBarMessage(
      `$(check) Saved ${path.basename(saved.file)}`,
      4000,
    );
    return true;
  }

  private async launch(values: FormValues): Promise<void> {
    if (!vscode.workspace.isTrusted) {
      await vscode.commands.executeCommand("workbench.trust.manage");
      return;
    }
    const [problem] = checkForm(values).problems;
    if (problem !== undefined)
      throw new Error(`${problem.field}: ${problem.message}.`);
    if (!(await this.save(values, false)) || this.file === undefined) return;
    await vscode.commands.executeCommand(
      "forksight.launchRunFile",
      vscode.Uri.file(this.file),
    );
  }

  private async openLine(file: string, line: number): Promise<void> {
    const at = new vscode.Position(Math.max(0, line - 1), 0);
    await vscode.window.showTextDocument(vscode.Uri.file(file), {
      viewColumn: vscode.ViewColumn.Beside,
      selection: new vscode.Range(at, at),
    });
  }

  private get root(): string | undefined {
    return formRoot(this.file ?? "");
  }

  private showTitle(): void {
    // A webview has no mark of its own for what is not saved.
    this.panel.title = `${this.isUnsaved ? "\u25cf " : ""}${this.name}`;
  }

  private get name(): string {
    return this.file === undefined
      ? "New Training Run"
      : path.basename(this.file).replace(/\.forksight\.ya?ml$/i, "");
  }

  private get isUnsaved(): boolean {
    return this.untouched !== undefined && this.isTouched;
  }

  /** VS Code cannot keep a webview from closing: what it held can be had again. */
  private async offerUnsaved(): Promise<void> {
    const AGAIN = "Open Again";
    const chosen = await vscode.window.showWarningMessage(
      `Forksight: the form "${this.name}" was closed with changes that are not saved.`,
      AGAIN,
    );
    if (chosen === AGAIN)
      this.parts.openAgain(this.form, this.saved, this.untouched);
  }

  private post(message: ToLaunchPanel): void {
    void this.panel.webview.postMessage(message);
  }

  private dispose(): void {
    if (this.isUnsaved) void this.offerUnsaved();
    this.asking.abort();
    for (const one of this.subscriptions) one.dispose();
  }
}

const TITLES: Readonly<Record<string, string>> = {
  model: "Choose a model",
  "data.train": "Choose the training data",
  "data.eval": "Choose an evaluation set",
  "reward.file": "Choose the reward's file",
};

const DATA = {
  "Data sets (JSON Lines)": ["jsonl", "ndjson"],
  "All files": ["*"],
};
const FILTERS: Readonly<Record<string, Record<string, string[]>>> = {
  model: { "GGUF models": ["gguf"], "All files": ["*"] },
  "data.train": DATA,
  "data.eval": DATA,
  "reward.file": { Programs: ["js", "mjs", "py"], "All files": ["*"] },
};

/** The file that a panel was kept with, as it is now; undefined where it is gone or there was none. */
export async function savedFileOf(
  file: string,
): Promise<SavedFile | undefined> {
  if (file === "") return undefined;
  const text = await readText(vscode.Uri.file(file)).catch(() => undefined);
  return text === undefined ? undefined : { file, text };
}
