import * as vscode from "vscode";

/** Above a run file: launch it, compare its arms, open it in the form. */
export class RunFileLens implements vscode.CodeLensProvider {
  private readonly emitter = new vscode.EventEmitter<void>();
  readonly onDidChangeCodeLenses = this.emitter.event;
  private readonly trusted = vscode.workspace.onDidGrantWorkspaceTrust(() =>
    this.emitter.fire(),
  );

  provideCodeLenses({ uri }: vscode.TextDocument): vscode.CodeLens[] {
    const top = new vscode.Range(0, 0, 0, 0);
    const lens = (title: string, command: string) =>
      new vscode.CodeLens(top, { title, command, arguments: [uri] });
    const form = lens("Open in form", "forksight.openRunFileInForm");
    if (!vscode.workspace.isTrusted)
      return [
        lens("Launching needs a trusted workspace", "workbench.trust.manage"),
        form,
      ];
    return [
      lens("$(play) Launch", "forksight.launchRunFile"),
      lens("Compare arms", "forksight.compareArms"),
      form,
    ];
  }

  dispose(): void {
    this.trusted.dispose();
    this.emitter.dispose();
  }
}
