import { homedir } from "node:os";
import * as vscode from "vscode";
import { SECTION } from "../configuration";

/** The settings of the engines. All are of the machine: no workspace says what runs or where tokens go. */
export interface EngineSettings {
  /** Interpreter that runs TRL; empty: the one of "Set Up TRL". */
  readonly trlPython: string;
  /** As written; `readAddress` checks it. Empty: no cluster. */
  readonly rayAddress: string;
  /** Folder that all nodes of the cluster see; empty for none. */
  readonly rayStorage: string;
  /** pip requirements of a job's environment. */
  readonly rayPip: readonly string[];
}

/** A value of the wrong type, as a hand-written settings.json may hold, gives way to the default. */
export function readEngineSettings(): EngineSettings {
  const section = vscode.workspace.getConfiguration(SECTION);
  const text = (name: string) => {
    const found = section.get<unknown>(name);
    return typeof found === "string" ? found.trim() : "";
  };
  const pip = section.get<unknown>("ray.pip");
  return {
    trlPython: text("trl.python").replace(/^~(?=[/\\])/, () => homedir()),
    rayAddress: text("ray.address"),
    rayStorage: text("ray.storage"),
    rayPip: (Array.isArray(pip) ? pip : []).filter(
      (one): one is string => typeof one === "string" && one.trim() !== "",
    ),
  };
}
