import { homedir } from "node:os";
import path from "node:path";
import * as vscode from "vscode";
import type { HeatMode } from "../core/annotation/buckets";
import type { ChosenCut } from "../core/annotation/cut";
import type { Precision } from "../core/annotation/scoredTrace";
import type { GpuChoice } from "../core/engine/protocol";
import { cutOrDefault } from "./inspect/cutSetting";

/** Section of the settings. */
export const SECTION = "forksight";

/** The settings as the user has them; package.json holds their defaults and limits. */
export interface Settings {
  /** Empty: the pocket model. */
  readonly modelPath: string;
  readonly modelFolders: readonly string[];
  /** Empty: none. */
  readonly adapterPath: string;
  readonly gpu: GpuChoice;
  readonly threads: number;
  readonly precision: Precision;
  readonly contextSize: number;
  readonly temperature: number;
  readonly topK: number;
  readonly cut: ChosenCut;
  readonly display: HeatMode;
  readonly codeLens: boolean;
  /** milliseconds; negative: never by itself */
  readonly reannotateDelay: number;
  readonly annotateOnOpen: boolean;
  readonly idleUnloadMinutes: number;
  readonly cacheSizeMB: number;
  readonly notifyRuns: boolean;
}

/** Reads the settings for a document. A value of the wrong type, as a hand-written settings.json may hold, gives way to the default. */
export function readSettings(scope?: vscode.Uri): Settings {
  const section = vscode.workspace.getConfiguration(SECTION, scope);
  const value = <T extends string | number | boolean>(
    name: string,
    fallback: T,
    isValid: (value: T) => boolean = () => true,
  ): T => {
    const found = section.get<unknown>(name);
    return typeof found === typeof fallback && isValid(found as T)
      ? (found as T)
      : fallback;
  };
  const choice = <T extends string>(name: string, among: readonly T[]): T =>
    value<string>(name, among[0]!, (one) => among.includes(one as T)) as T;
  const atLeast = (minimum: number) => (number: number) =>
    Number.isFinite(number) && number >= minimum;
  const folders = section.get<unknown>("modelFolders");
  return {
    modelPath: expandPath(value("modelPath", ""), scope),
    modelFolders: (Array.isArray(folders) ? folders : [])
      .filter((one): one is string => typeof one === "string" && one !== "")
      .map((one) => expandPath(one, scope)),
    adapterPath: expandPath(value("adapterPath", ""), scope),
    gpu: choice("gpu", ["auto", "cuda", "vulkan", "metal", "off"]),
    threads: value("threads", 0, atLeast(0)),
    precision: choice("precision", ["fast", "exact"]),
    contextSize: value("contextSize", 0, atLeast(0)),
    temperature: value("temperature", 1, (one) => one > 0 && one <= 100),
    topK: value("topK", 10, (one) => Number.isInteger(one) && one > 0),
    cut: cutOrDefault(value("cut", "")),
    display: choice("display", ["forks", "heat"]),
    codeLens: value("codeLens", true),
    reannotateDelay: value("reannotateDelay", 400),
    annotateOnOpen: value("annotateOnOpen", false),
    idleUnloadMinutes: value("idleUnloadMinutes", 10, atLeast(0)),
    cacheSizeMB: value("cacheSizeMB", 512, atLeast(0)),
    notifyRuns: value("notifyRuns", true),
  };
}

/**
 * Changes a setting where it is in force: in the workspace's folder or the workspace if one of them sets it, else in
 * the user's own settings.
 */
export async function writeSetting(
  name: keyof Settings,
  value: string | number | undefined,
  scope?: vscode.Uri,
): Promise<void> {
  const section = vscode.workspace.getConfiguration(SECTION, scope);
  const where = section.inspect(name);
  const target =
    where?.workspaceFolderValue !== undefined
      ? vscode.ConfigurationTarget.WorkspaceFolder
      : where?.workspaceValue !== undefined
        ? vscode.ConfigurationTarget.Workspace
        : vscode.ConfigurationTarget.Global;
  await section.update(name, value, target);
}

/** `~` and `${workspaceFolder}` at the start of a path; a relative path counts from the workspace folder. */
function expandPath(written: string, scope?: vscode.Uri): string {
  const trimmed = written.trim();
  if (trimmed === "") return "";
  const folder =
    (scope && vscode.workspace.getWorkspaceFolder(scope)) ??
    vscode.workspace.workspaceFolders?.[0];
  const root = folder?.uri.scheme === "file" ? folder.uri.fsPath : homedir();
  const expanded = trimmed
    .replace(/^~(?=$|[/\\])/, () => homedir())
    .replace(/^\$\{workspaceFolder\}/, () => root);
  return path.resolve(root, expanded);
}
