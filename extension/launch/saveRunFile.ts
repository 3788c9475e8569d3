import { randomBytes } from "node:crypto";
import path from "node:path";
import * as vscode from "vscode";
import { parseDocument } from "yaml";
import type { WrittenSettings } from "../../core/run/runForm";
import { writeRunFile } from "../../core/run/writeRunFile";
import { isRunFile } from "../runFiles/runFile";
import { isInside, writtenPaths } from "../runFiles/writtenPaths";

const SUFFIX = ".forksight.yaml";
/** Where run files go in a workspace, unless the user says otherwise. */
const FOLDER = "runs";

/** A run file as it was last read or written. */
export interface SavedFile {
  /** Absolute. */
  readonly file: string;
  readonly text: string;
}

/**
 * Writes the form's settings to the file that they came from, keeping what else stands in it. Asks where the file has
 * changed since.
 * @param settings with absolute paths
 * @returns undefined where the user does not want to replace what is there
 * @throws Error where the file cannot be written, or holds no YAML
 */
export async function saveBack(
  settings: WrittenSettings,
  known: SavedFile,
): Promise<SavedFile | undefined> {
  const uri = vscode.Uri.file(known.file);
  refuseUnsaved(uri);
  const current = await readText(uri);
  if (current !== undefined && current !== known.text) {
    const chosen = await vscode.window.showWarningMessage(
      `${path.basename(known.file)} has changed on disk since the form was read from it. Write the form's settings into it?`,
      { modal: true },
      "Write",
    );
    if (chosen !== "Write") return undefined;
  }
  if (current !== undefined && parseDocument(current).errors.length > 0)
    throw new Error(
      `${path.basename(known.file)} is no YAML as it is now. Mend it in the editor, or use Save As.`,
    );
  return write(settings, uri, current);
}

/**
 * Writes a new run file where the user says.
 * @returns undefined where the user gives up
 */
export async function saveAs(
  settings: WrittenSettings,
): Promise<SavedFile | undefined> {
  const uri = await askWhere(await freeFile(nameFor(settings)));
  if (uri === undefined) return undefined;
  refuseUnsaved(uri);
  if ((await readText(uri)) !== undefined) {
    const chosen = await vscode.window.showWarningMessage(
      `${path.basename(uri.fsPath)} exists. Replace it?`,
      { modal: true },
      "Replace",
    );
    if (chosen !== "Replace") return undefined;
  }
  return write(settings, uri, undefined);
}

/** The text of a file; undefined where there is none. */
export async function readText(uri: vscode.Uri): Promise<string | undefined> {
  try {
    return new TextDecoder().decode(await vscode.workspace.fs.readFile(uri));
  } catch (error) {
    if (
      error instanceof vscode.FileSystemError &&
      error.code === "FileNotFound"
    )
      return undefined;
    throw error;
  }
}

async function write(
  settings: WrittenSettings,
  uri: vscode.Uri,
  previous: string | undefined,
): Promise<SavedFile> {
  const root = vscode.workspace.getWorkspaceFolder(uri)?.uri.fsPath;
  const written = writtenPaths(settings, uri.fsPath, root, previous);
  const text = writeRunFile(written, previous);
  if (text === previous) return { file: uri.fsPath, text };
  const folder = vscode.Uri.joinPath(uri, "..");
  await vscode.workspace.fs.createDirectory(folder);
  const suffix = randomBytes(6).toString("hex");
  const temporary = vscode.Uri.joinPath(
    folder,
    `.${path.basename(uri.fsPath)}.${suffix}`,
  );
  try {
    await vscode.workspace.fs.writeFile(
      temporary,
      new TextEncoder().encode(text),
    );
    await vscode.workspace.fs.rename(temporary, uri, { overwrite: true });
  } catch (error) {
    await Promise.resolve(vscode.workspace.fs.delete(temporary)).catch(
      () => undefined,
    );
    throw error;
  }
  await reloaded(uri, text);
  return { file: uri.fsPath, text };
}

/** Milliseconds that an editor has to notice that its file has changed. */
const RELOAD_LIMIT = 3000;

/** Who reads the file through VS Code next, shall not read what an open editor still has of it. */
async function reloaded(uri: vscode.Uri, text: string): Promise<void> {
  const open = openDocument(uri);
  if (open === undefined || open.getText() === text) return;
  await new Promise<void>((resolve) => {
    const done = () => {
      clearTimeout(timer);
      changed.dispose();
      resolve();
    };
    const timer = setTimeout(done, RELOAD_LIMIT);
    const changed = vscode.workspace.onDidChangeTextDocument((event) => {
      if (event.document === open && open.getText() === text) done();
    });
  });
}

function openDocument(uri: vscode.Uri): vscode.TextDocument | undefined {
  return vscode.workspace.textDocuments.find(
    (document) => document.uri.toString() === uri.toString(),
  );
}

/** What an editor holds unsaved would be in conflict with what is written. */
function refuseUnsaved(uri: vscode.Uri): void {
  if (openDocument(uri)?.isDirty === true)
    throw new Error(
      `${path.basename(uri.fsPath)} has unsaved changes in an editor. Save or revert them there first.`,
    );
}

async function askWhere(
  proposal: vscode.Uri | undefined,
): Promise<vscode.Uri | undefined> {
  const root = vscode.workspace.workspaceFolders?.[0]?.uri;
  if (root === undefined || proposal === undefined)
    return saveDialog(undefined);
  const input = vscode.window.createInputBox();
  const browse: vscode.QuickInputButton = {
    iconPath: new vscode.ThemeIcon("folder-opened"),
    tooltip: "Choose a folder",
  };
  input.title = "Save the run file";
  input.prompt = `A path in the workspace that ends with ${SUFFIX}`;
  input.value = path
    .relative(root.fsPath, proposal.fsPath)
    .split(path.sep)
    .join("/");
  input.buttons = [browse];
  input.ignoreFocusOut = true;
  return new Promise((resolve) => {
    input.onDidAccept(() => {
      if (!isRunFile(vscode.Uri.file(input.value))) {
        input.validationMessage = `The name has to end with ${SUFFIX}`;
        return;
      }
      const file = path.resolve(root.fsPath, input.value);
      if (!isInside(file, root.fsPath)) {
        input.validationMessage =
          "That lies outside the workspace folder: the folder button above saves anywhere";
        return;
      }
      resolve(vscode.Uri.file(file));
      input.dispose();
    });
    input.onDidChangeValue(() => (input.validationMessage = undefined));
    input.onDidTriggerButton(() => {
      resolve(saveDialog(proposal));
      input.dispose();
    });
    input.onDidHide(() => resolve(undefined));
    input.show();
  });
}

async function saveDialog(
  proposal: vscode.Uri | undefined,
): Promise<vscode.Uri | undefined> {
  const uri = await vscode.window.showSaveDialog({
    title: "Save the run file",
    ...(proposal && { defaultUri: proposal }),
    filters: { "Run files": ["forksight.yaml"] },
  });
  if (uri === undefined || isRunFile(uri)) return uri;
  return uri.with({ path: uri.path.replace(/(\.ya?ml)?$/i, SUFFIX) });
}

function nameFor(settings: WrittenSettings): string {
  const { name } = settings;
  const safe =
    typeof name === "string" ? name.replace(/[^A-Za-z0-9._-]+/g, "-") : "";
  return safe.replace(/^[.-]+/, "") || "run";
}

/** `runs/<name>.forksight.yaml` in the workspace, with a number behind the name where that is taken. */
async function freeFile(name: string): Promise<vscode.Uri | undefined> {
  const root = vscode.workspace.workspaceFolders?.[0]?.uri;
  if (root === undefined) return undefined;
  for (let n = 1; ; n++) {
    const stem = n === 1 ? name : `${name}-${n}`;
    const uri = vscode.Uri.joinPath(root, FOLDER, `${stem}${SUFFIX}`);
    if ((await readText(uri)) === undefined) return uri;
  }
}
