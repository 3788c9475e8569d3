import * as vscode from "vscode";
import {
  completeRunFile,
  type Completion,
  settingAt,
  settingMarkdown,
} from "../../core/run/completeRunFile";
import { RunFileDiagnostic, RunFileDiagnostics } from "./runFileDiagnostics";
import { RunFileLens } from "./runFileLens";

const SELECTOR: vscode.DocumentFilter = {
  pattern: "**/*.forksight.{yaml,yml}",
};

/** It completes from the same schema (`yamlValidation` in package.json): each thing would be offered twice. */
const YAML_EXTENSION = "redhat.vscode-yaml";

/** Run files in the editor: diagnostics, completion, hovers, quick fixes and lenses. */
export function registerRunFileLanguage(): vscode.Disposable {
  const lens = new RunFileLens();
  return vscode.Disposable.from(
    new RunFileDiagnostics(),
    lens,
    vscode.languages.registerCodeLensProvider(SELECTOR, lens),
    vscode.languages.registerCompletionItemProvider(
      SELECTOR,
      { provideCompletionItems },
      " ",
    ),
    vscode.languages.registerHoverProvider(SELECTOR, { provideHover }),
    vscode.languages.registerCodeActionsProvider(
      SELECTOR,
      { provideCodeActions },
      { providedCodeActionKinds: [vscode.CodeActionKind.QuickFix] },
    ),
  );
}

function hasYamlExtension(): boolean {
  return vscode.extensions.getExtension(YAML_EXTENSION) !== undefined;
}

function provideCompletionItems(
  document: vscode.TextDocument,
  position: vscode.Position,
): vscode.CompletionItem[] {
  if (hasYamlExtension()) return [];
  const offset = document.offsetAt(position);
  return completeRunFile(document.getText(), offset).map((completion, i) =>
    itemOf(completion, document, position, i),
  );
}

const KINDS = {
  setting: vscode.CompletionItemKind.Property,
  section: vscode.CompletionItemKind.Module,
  value: vscode.CompletionItemKind.EnumMember,
} as const;

function itemOf(
  completion: Completion,
  document: vscode.TextDocument,
  position: vscode.Position,
  index: number,
): vscode.CompletionItem {
  const { label, kind, insert, start, detail, documentation } = completion;
  const item = new vscode.CompletionItem(label, KINDS[kind]);
  item.insertText = insert;
  item.keepWhitespace = true;
  item.range = new vscode.Range(document.positionAt(start), position);
  item.detail = detail.replaceAll("`", "");
  item.documentation = new vscode.MarkdownString(documentation);
  // The schema's order, not the alphabet's.
  item.sortText = String(index).padStart(3, "0");
  if (kind !== "value")
    item.command = {
      title: "Suggest",
      command: "editor.action.triggerSuggest",
    };
  return item;
}

function provideHover(
  document: vscode.TextDocument,
  position: vscode.Position,
): vscode.Hover | undefined {
  if (hasYamlExtension()) return undefined;
  const setting = settingAt(document.getText(), document.offsetAt(position));
  if (setting === undefined) return undefined;
  return new vscode.Hover(
    new vscode.MarkdownString(settingMarkdown(setting.name, setting.schema)),
    new vscode.Range(
      document.positionAt(setting.start),
      document.positionAt(setting.end),
    ),
  );
}

/** "Did you mean": writes the name that was probably meant. */
function provideCodeActions(
  document: vscode.TextDocument,
  _range: vscode.Range,
  { diagnostics }: vscode.CodeActionContext,
): vscode.CodeAction[] {
  return diagnostics.flatMap((diagnostic) => {
    if (!(diagnostic instanceof RunFileDiagnostic)) return [];
    const { suggestion } = diagnostic;
    if (suggestion === undefined) return [];
    const action = new vscode.CodeAction(
      `Change to "${suggestion}"`,
      vscode.CodeActionKind.QuickFix,
    );
    action.edit = new vscode.WorkspaceEdit();
    action.edit.replace(document.uri, diagnostic.range, suggestion);
    action.diagnostics = [diagnostic];
    action.isPreferred = true;
    return [action];
  });
}
