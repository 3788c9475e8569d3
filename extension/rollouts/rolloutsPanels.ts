import * as vscode from "vscode";
import { readRolloutsState } from "../../core/panels/rolloutsProtocol";
import { type RolloutsActions, RolloutsPanel } from "./rolloutsPanel";
import type { StepTables } from "./stepTables";

const VIEW_TYPE = "forksight.rollouts";

/** The panels "Rollouts" of this window, one a run folder; VS Code brings them back after a reload. */
export class RolloutsPanels
  implements vscode.WebviewPanelSerializer, vscode.Disposable
{
  private readonly byFolder = new Map<string, RolloutsPanel>();
  private readonly registration: vscode.Disposable;

  constructor(
    private readonly extensionUri: vscode.Uri,
    private readonly tables: StepTables,
    private readonly actions: RolloutsActions,
  ) {
    this.registration = vscode.window.registerWebviewPanelSerializer(
      VIEW_TYPE,
      this,
    );
  }

  /** Opens the panel of a run folder, or brings it to the front. @param step where to begin; the newest where absent */
  open(folder: string, step: number | undefined): void {
    const known = this.byFolder.get(folder);
    if (known !== undefined) return known.reveal(step);
    const panel = vscode.window.createWebviewPanel(
      VIEW_TYPE,
      "Rollouts",
      vscode.ViewColumn.Active,
    );
    this.adopt(panel, folder).startAt(step);
  }

  deserializeWebviewPanel(
    panel: vscode.WebviewPanel,
    state: unknown,
  ): Promise<void> {
    const { folder } = readRolloutsState(state);
    if (folder === "" || this.byFolder.has(folder)) panel.dispose();
    else this.adopt(panel, folder);
    return Promise.resolve();
  }

  dispose(): void {
    this.registration.dispose();
    for (const one of this.byFolder.values()) one.dispose();
  }

  private adopt(panel: vscode.WebviewPanel, folder: string): RolloutsPanel {
    const made = new RolloutsPanel(
      panel,
      folder,
      this.tables,
      this.actions,
      this.extensionUri,
    );
    this.byFolder.set(folder, made);
    panel.onDidDispose(() => {
      made.dispose();
      this.byFolder.delete(folder);
    });
    return made;
  }
}
