import * as vscode from "vscode";

/** One lens above a file of rollouts: opens the record at the cursor. (One above each line would push all of them apart.) */
export class RecordLens implements vscode.CodeLensProvider {
  provideCodeLenses(document: vscode.TextDocument): vscode.CodeLens[] {
    if (document.getText(new vscode.Range(0, 0, 0, 1)) !== "{") return [];
    return [
      new vscode.CodeLens(new vscode.Range(0, 0, 0, 0), {
        title: "$(repo-forked) Open the record at the cursor as a trace",
        command: "forksight.openRecord",
        arguments: [document.uri],
      }),
    ];
  }
}
