import * as vscode from "vscode";
import { labelText } from "../../core/panels/visibleText";
import type { Annotations } from "../inspect/annotations";
import type { Annotator } from "../inspect/annotator";
import type { Engine } from "./engine";
import {
  type StatusFacts,
  TOOLTIP_COMMANDS,
  healthLine,
  statusText,
  statusTooltip,
} from "./statusText";

/** The one status item: engine, model, progress; a click opens the menu of what can be done. */
export class StatusItem implements vscode.Disposable {
  private readonly item: vscode.StatusBarItem;
  private readonly subscriptions: vscode.Disposable[];

  constructor(
    private readonly engine: Engine,
    private readonly annotations: Annotations,
    private readonly annotator: Annotator,
    private readonly modelInForce: () => {
      readonly name: string;
      readonly isPocket: boolean;
      readonly adapter?: string;
    },
  ) {
    this.item = vscode.window.createStatusBarItem(
      "forksight.status",
      vscode.StatusBarAlignment.Right,
      90,
    );
    this.item.name = "Forksight";
    this.item.command = "forksight.showMenu";
    const update = () => this.update();
    this.subscriptions = [
      this.item,
      engine.onHealth(update),
      annotations.onDidChange(update),
      annotator.onRun(update),
      vscode.window.onDidChangeActiveTextEditor(update),
      vscode.workspace.onDidChangeConfiguration((change) => {
        if (change.affectsConfiguration("forksight")) update();
      }),
    ];
    this.update();
    this.item.show();
  }

  /** The commands that make sense now, to choose from. */
  async showMenu(): Promise<void> {
    const facts = this.facts();
    const { live, run, health } = facts;
    const items: (vscode.QuickPickItem & { readonly command?: string })[] = [];
    const add = (label: string, command: string, description = "") =>
      items.push({ label, command: `forksight.${command}`, description });
    const group = (label: string) =>
      items.push({ label, kind: vscode.QuickPickItemKind.Separator });
    if (run !== undefined) add("$(stop-circle) Cancel Scoring", "cancel");
    if (health.state === "failed")
      add("$(refresh) Restart Engine", "restartEngine", health.message);
    group("This document");
    if (live === undefined) add("$(repo-forked) Annotate", "annotate");
    else {
      add("$(refresh) Annotate Again", "annotate");
      add("$(arrow-down) Next Fork", "nextFork");
      add("$(json) Copy Annotation as JSON", "copyJson");
      add("$(clear-all) Clear", "clear");
    }
    group("How it is shown");
    add("$(symbol-color) Toggle Heat/Forks", "toggleDisplay");
    add("$(filter) Set Cut...", "setCut");
    group("Model");
    add(
      "$(chip) Choose Model...",
      "chooseModel",
      healthLine(facts).replaceAll("\\", ""),
    );
    if (facts.adapterName !== undefined)
      add(
        "$(arrow-left) Inspect with Base Model",
        "inspectWithBase",
        `now with ${labelText(facts.adapterName)}`,
      );
    if (health.state === "ready")
      add("$(debug-disconnect) Unload Model", "unloadModel");
    add("$(output) Show Log", "showLog");
    const chosen = await vscode.window.showQuickPick(items, {
      title: "Forksight",
      placeHolder: "What to do",
    });
    if (chosen?.command !== undefined)
      await vscode.commands.executeCommand(chosen.command);
  }

  dispose(): void {
    for (const one of this.subscriptions) one.dispose();
  }

  private facts(): StatusFacts {
    const uri = vscode.window.activeTextEditor?.document.uri;
    const { name, isPocket, adapter } = this.modelInForce();
    const live = uri && this.annotations.of(uri)?.live;
    const { health } = this.engine;
    return {
      // A document that stands scored needs nothing of an engine that failed on something else.
      health:
        health.state === "failed" && live?.isFresh ? { state: "idle" } : health,
      modelName: name,
      adapterName: adapter,
      isPocket,
      live,
      run: uri && this.annotator.runOf(uri),
    };
  }

  private update(): void {
    const facts = this.facts();
    this.item.text = statusText(facts);
    const tooltip = new vscode.MarkdownString(statusTooltip(facts));
    tooltip.isTrusted = { enabledCommands: TOOLTIP_COMMANDS };
    this.item.tooltip = tooltip;
    this.item.backgroundColor =
      facts.health.state === "failed"
        ? new vscode.ThemeColor("statusBarItem.errorBackground")
        : undefined;
    this.item.accessibilityInformation = {
      label: this.item.text.replace(/\$\([^)]*\)\s*/g, "Forksight: "),
      role: "button",
    };
  }
}
