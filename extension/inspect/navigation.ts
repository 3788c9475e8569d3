import * as vscode from "vscode";
import { type Fork, nextFork, previousFork } from "../../core/annotation/forks";
import type { Annotations } from "./annotations";
import { selectPlace } from "./selectPlace";

/** Going from fork to fork in the active editor. */
export class Navigation {
  constructor(private readonly annotations: Annotations) {}

  next(): void {
    this.go((forks, offset) => nextFork(forks, offset));
  }

  previous(): void {
    this.go((forks, offset) => previousFork(forks, offset));
  }

  /** Selects the fork that the token at a live index is, in the editor that shows it. */
  async revealFork(uri: vscode.Uri, token: number): Promise<void> {
    const live = this.annotations.of(uri)?.live;
    const fork = live?.forks.find((one) => one.token === token);
    if (live === undefined || fork === undefined) return;
    const key = uri.toString();
    const shown = vscode.window.visibleTextEditors.find(
      (editor) => editor.document.uri.toString() === key,
    );
    const editor = await vscode.window.showTextDocument(
      await vscode.workspace.openTextDocument(uri),
      {
        ...(shown?.viewColumn !== undefined && {
          viewColumn: shown.viewColumn,
        }),
      },
    );
    this.select(editor, fork, live.region.start);
  }

  private go(
    choose: (forks: readonly Fork[], offset: number) => Fork | undefined,
  ): void {
    const active = this.annotations.active();
    if (active === undefined) return;
    const { editor, live } = active;
    const lines = this.annotations.linesOf(editor.document);
    const origin = live.region.start;
    // From the start of what is selected: going on from a selected fork leads to its neighbour.
    const offset = lines.offsetAt(editor.selection.start) - origin;
    const fork = choose(live.forks, offset);
    if (fork !== undefined) this.select(editor, fork, origin);
  }

  private select(editor: vscode.TextEditor, fork: Fork, origin: number): void {
    const lines = this.annotations.linesOf(editor.document);
    selectPlace(editor, lines, origin, fork);
  }
}
