import path from "node:path";
import * as vscode from "vscode";
import { parse } from "yaml";
import { FORM_SECTIONS } from "../../core/panels/launchLayout";
import {
  type FormState,
  readFormState,
} from "../../core/panels/launchProtocol";
import {
  type FormValues,
  formOf,
  type WrittenSettings,
} from "../../core/run/runForm";
import type { Models } from "../models/modelInForce";
import type { Register } from "../registrar";
import { isRunFile } from "../runFiles/runFile";
import { shownPaths } from "./formPaths";
import { LaunchPanel, type LaunchParts, savedFileOf } from "./launchPanel";
import { newRunForm } from "./newRunForm";
import type { SavedFile } from "./saveRunFile";

const VIEW_TYPE = "forksight.launch";

const UNFOLDED = FORM_SECTIONS.filter(({ isBasic }) => isBasic).map(
  ({ id }) => id,
);

/** The launch panels of this window: at most one for each run file, and one for a run that is not saved yet. */
export class LaunchPanels
  implements vscode.WebviewPanelSerializer, vscode.Disposable
{
  private readonly panels = new Set<LaunchPanel>();
  private readonly subscriptions: readonly vscode.Disposable[];

  constructor(
    register: Register,
    private readonly models: Models,
    private readonly parts: Omit<LaunchParts, "openAgain">,
  ) {
    this.subscriptions = [
      vscode.window.registerWebviewPanelSerializer(VIEW_TYPE, this),
      register("newRun", () => this.openNew()),
      register("openRunFileInForm", (uri?: unknown) =>
        this.openFile(uri instanceof vscode.Uri ? uri : undefined),
      ),
    ];
  }

  /** After a reload of the window: the page has kept the form. */
  async deserializeWebviewPanel(
    panel: vscode.WebviewPanel,
    state: unknown,
  ): Promise<void> {
    const kept = readFormState(state);
    const form = kept ?? (await this.freshForm());
    this.add(panel, form, await savedFileOf(form.file), undefined);
  }

  dispose(): void {
    for (const one of this.subscriptions) one.dispose();
    for (const { panel } of [...this.panels]) panel.dispose();
  }

  private async openNew(): Promise<void> {
    const open = [...this.panels].find(({ file }) => file === undefined);
    if (open) open.panel.reveal();
    else this.create(await this.freshForm(), undefined);
  }

  /** @param uri of a run file; the active editor's where left out. @throws Error where it cannot be read as YAML */
  private async openFile(uri?: vscode.Uri): Promise<void> {
    const asked = uri ?? vscode.window.activeTextEditor?.document.uri;
    if (asked?.scheme !== "file" || !isRunFile(asked))
      throw new Error("Open a run file (*.forksight.yaml) on disk first.");
    const file = asked.fsPath;
    const document = await vscode.workspace.openTextDocument(asked);
    const text = document.getText();
    const settings = shownPaths(readMapping(text, file), file);
    const form = { values: formOf(settings), file, unfolded: UNFOLDED };
    const open = [...this.panels].find((one) => one.file === file);
    if (open === undefined) return this.create(form, { file, text });
    open.readAgain(form.values, { file, text });
    open.panel.reveal();
  }

  private async freshForm(): Promise<FormState> {
    return {
      values: await newRunForm(this.models),
      file: "",
      unfolded: UNFOLDED,
    };
  }

  private create(
    form: FormState,
    saved: SavedFile | undefined,
    untouched = form.values,
  ): void {
    const panel = vscode.window.createWebviewPanel(
      VIEW_TYPE,
      "New Training Run",
      vscode.ViewColumn.Active,
    );
    this.add(panel, form, saved, untouched);
  }

  private add(
    panel: vscode.WebviewPanel,
    form: FormState,
    saved: SavedFile | undefined,
    untouched: FormValues | undefined,
  ): void {
    const launch = new LaunchPanel(panel, form, saved, untouched, {
      ...this.parts,
      openAgain: (...closed) => this.create(...closed),
    });
    this.panels.add(launch);
    panel.onDidDispose(() => this.panels.delete(launch));
  }
}

function readMapping(text: string, file: string): WrittenSettings {
  const name = path.basename(file);
  let value: unknown;
  try {
    value = parse(text) as unknown;
  } catch (error) {
    const [reason] = (error as Error).message.split("\n");
    throw new Error(
      `${name} is no YAML, so the form cannot show it: ${reason} Mend it in the editor first.`,
    );
  }
  if (value === null || value === undefined) return {};
  if (typeof value !== "object" || Array.isArray(value))
    throw new Error(
      `${name} is no mapping of settings, so the form cannot show it.`,
    );
  return value as WrittenSettings;
}
