/** forksight_trl, the Python package that comes with the extension, and the Pythons that may run it. */
import { existsSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import { ProgramError, runProgram } from "./runProgram";

/** Milliseconds for a Python to say what it has: importing torch takes up to 30 s on a cold disk. */
const LIMIT = 120_000;

/** Which Python runs TRL, and why that one. */
export interface ChosenPython {
  /** Path of the interpreter, or a name on the PATH. */
  readonly program: string;
  /** setting: forksight.trl.python. made: by "Set Up TRL". */
  readonly from: "setting" | "made";
}

/** What `python -m forksight_trl versions` prints: releases by distribution, null for one that is missing. */
const versions = z.looseObject({
  python: z.string(),
  needed: z.record(z.string(), z.string().nullable()),
  missing: z.array(z.string()),
  /** Distributions whose release does not fit, a few words each: "trl 0.9.6 (needed: >=1.13,<2)". */
  unfit: z.array(z.string()).default([]),
  /** What torch was built for, "cpu" or "cu130"; null where it does not say. */
  build: z.string().nullish(),
});

export type TrlVersions = z.output<typeof versions>;

/** Where things of the package are, from the folder `python` of the extension. */
export class TrlPackage {
  /** @param folder absolute path of `python` in the extension's folder */
  constructor(readonly folder: string) {}

  /** For PYTHONPATH: the package need not be installed, and is always of the extension's version. */
  get source(): string {
    return path.join(this.folder, "src");
  }

  /** Environment variables of every process that runs the package. */
  environment(): Record<string, string> {
    const others = process.env["PYTHONPATH"];
    return {
      PYTHONPATH: others
        ? `${this.source}${path.delimiter}${others}`
        : this.source,
      PYTHONUNBUFFERED: "1",
      PYTHONUTF8: "1",
    };
  }

  /**
   * Asks a Python what it has.
   * @throws Error in words for a person
   */
  async versions(program: string, signal?: AbortSignal): Promise<TrlVersions> {
    let text: string;
    try {
      text = await runProgram({
        program,
        args: ["-m", "forksight_trl", "versions"],
        env: this.environment(),
        limit: LIMIT,
        ...(signal && { signal }),
      });
    } catch (error) {
      if (!(error instanceof ProgramError)) throw error;
      const last = error.output.trim().split("\n").at(-1) ?? "";
      throw new Error(
        `${program} cannot run forksight_trl: ${last || error.message}`,
        { cause: error },
      );
    }
    try {
      // Libraries print to standard output too.
      const [json = ""] = /^\{.*\}/ms.exec(text) ?? [];
      return versions.parse(JSON.parse(json));
    } catch (error) {
      throw new Error(
        `${program} gave no versions: ${(error as Error).message.split("\n")[0]}`,
        { cause: error },
      );
    }
  }
}

/** The interpreter of a virtual environment. */
export function pythonOf(environment: string): string {
  return process.platform === "win32"
    ? path.join(environment, "Scripts", "python.exe")
    : path.join(environment, "bin", "python");
}

/**
 * The Python to train with; undefined where there is none yet.
 * @param setting forksight.trl.python, empty for none
 * @param made the environment of "Set Up TRL" where it is complete
 */
export function choosePython(
  setting: string,
  made: string | undefined,
): ChosenPython | undefined {
  if (setting !== "") return { program: setting, from: "setting" };
  if (made !== undefined && existsSync(pythonOf(made)))
    return { program: pythonOf(made), from: "made" };
  return undefined;
}
