/** The virtual environment that "Set Up TRL" makes. Nothing of VS Code here. */
import { existsSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { ProgramError, runProgram, type Program } from "./runProgram";
import { pythonOf } from "./trlPackage";

/** Written last: an environment without it is half made. */
const COMPLETE = "forksight-complete";

/** Names under which Pythons that are new enough are looked for, the newest that torch has wheels for first. */
const CANDIDATES = [
  "python3.13",
  "python3.12",
  "python3.11",
  "python3",
  "python",
];

/** Milliseconds for a program that only says its version. */
const QUICK = 20_000;

/** How programs are run: replaced in tests. */
export type Run = (program: Program) => Promise<string>;

type Quietly = (program: string, ...args: string[]) => Promise<string>;

export interface Setup {
  /** Absolute path of the environment's folder. */
  readonly environment: string;
  /** Folder of the package with its pyproject.toml. */
  readonly packageFolder: string;
  readonly signal: AbortSignal;
  /** For the log. */
  readonly onLine: (line: string) => void;
  /** What is done now, a few words. */
  readonly onStage: (stage: string) => void;
}

/** The environment where it is complete. */
export function completeEnvironment(folder: string): string | undefined {
  return existsSync(path.join(folder, COMPLETE)) ? folder : undefined;
}

/**
 * Makes the environment and installs TRL and what it needs, with uv where that is, else with venv and pip. A half-made
 * one, of an earlier try or of this one, is removed.
 * @throws Error in words for a person; the signal's reason where that fires
 */
export async function makeEnvironment(
  setup: Setup,
  run: Run = runProgram,
): Promise<void> {
  const { environment, onStage, signal } = setup;
  const quietly: Quietly = (program, ...args) =>
    run({ program, args, limit: QUICK, signal });
  onStage("looking for Python");
  const python = await findPython(quietly, signal);
  const uv = await answers(() => quietly("uv", "--version"), signal);
  if (python === undefined && !uv)
    throw new Error(
      "TRL needs Python 3.11 or newer, and there is none on the PATH. Install it (or uv, which brings its own), start VS Code anew, and try again.",
    );
  onStage("making the environment");
  await rm(environment, { recursive: true, force: true });
  await mkdir(path.dirname(environment), { recursive: true });
  const loudly = async (program: string, ...args: string[]) => {
    try {
      await run({ program, args, signal, onLine: setup.onLine });
    } catch (error) {
      if (!(error instanceof ProgramError)) throw error;
      const lines = error.output.trim().split("\n").slice(-3).join(" ");
      throw new Error(`TRL could not be set up: ${error.message}. ${lines}`, {
        cause: error,
      });
    }
  };
  try {
    const interpreter = pythonOf(environment);
    if (uv)
      await loudly("uv", "venv", "--python", python ?? ">=3.11", environment);
    else await loudly(python!, "-m", "venv", environment);
    const requirements = await requirementsOf(setup, interpreter, quietly);
    onStage("installing torch, transformers, peft and TRL");
    if (uv)
      await loudly(
        "uv",
        "pip",
        "install",
        "--python",
        interpreter,
        ...requirements,
      );
    else
      // Compiling all of torch takes longer than what it saves.
      await loudly(
        interpreter,
        "-m",
        "pip",
        "install",
        "--no-compile",
        "--no-input",
        ...requirements,
      );
    await writeFile(path.join(environment, COMPLETE), "");
  } catch (error) {
    await rm(environment, { recursive: true, force: true, maxRetries: 3 });
    throw error;
  }
}

/**
 * What the package needs. It is not installed itself: it runs from the extension's folder, which is not to be written to,
 * and so is always of the extension's version.
 */
async function requirementsOf(
  { packageFolder }: Setup,
  interpreter: string,
  quietly: Quietly,
): Promise<string[]> {
  const read =
    "import json, sys, tomllib; print(json.dumps(tomllib.load(open(sys.argv[1], 'rb'))['project']['dependencies']))";
  const file = path.join(packageFolder, "pyproject.toml");
  return JSON.parse(await quietly(interpreter, "-c", read, file)) as string[];
}

/** The first Python on the PATH that is 3.11 or newer and has venv. */
async function findPython(
  quietly: Quietly,
  signal: AbortSignal,
): Promise<string | undefined> {
  const check =
    "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))";
  for (const name of CANDIDATES)
    if (await answers(() => quietly(name, "-c", check), signal)) return name;
  return undefined;
}

async function answers(
  ask: () => Promise<string>,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await ask();
    return true;
  } catch {
    signal.throwIfAborted();
    return false;
  }
}
