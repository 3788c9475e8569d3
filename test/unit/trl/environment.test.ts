import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  completeEnvironment,
  makeEnvironment,
} from "../../../extension/trl/environment";
import { ProgramError, type Program } from "../../../extension/trl/runProgram";
import { choosePython, pythonOf } from "../../../extension/trl/trlPackage";

let root: string;
let environment: string;
let ran: string[];
let abort: AbortController;
beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), "forksight-trl-"));
  environment = path.join(root, "trl", "environment");
  ran = [];
  abort = new AbortController();
});
afterEach(() => rm(root, { recursive: true }));

/** A machine with these programs; making an environment leaves its interpreter. */
function machine(
  programs: readonly string[],
  befall: (line: string) => void = () => undefined,
) {
  return async ({ program, args, signal }: Program): Promise<string> => {
    const line = `${path.basename(program)} ${args.join(" ")}`;
    const known = programs.includes(program) || program.startsWith(root);
    if (!known) throw new ProgramError(`${program} failed: ENOENT`, "");
    ran.push(line);
    if (args.includes("venv")) {
      const interpreter = pythonOf(environment);
      await mkdir(path.dirname(interpreter), { recursive: true });
      await writeFile(interpreter, "");
    }
    befall(line);
    signal?.throwIfAborted();
    return args.join(" ").includes("tomllib")
      ? '["trl>=1.13,<2","torch>=2.6"]'
      : "";
  };
}

function make(run: ReturnType<typeof machine>): Promise<void> {
  return makeEnvironment(
    {
      environment,
      packageFolder: path.join(root, "python"),
      signal: abort.signal,
      onLine: () => undefined,
      onStage: () => undefined,
    },
    run,
  );
}

describe("Set Up TRL", () => {
  it("makes an environment with venv and pip, and does not compile all of torch", async () => {
    await make(machine(["python3"]));
    expect(ran.filter((one) => / venv |install/.test(one))).toEqual([
      `python3 -m venv ${environment}`,
      `${path.basename(pythonOf(environment))} -m pip install --no-compile --no-input trl>=1.13,<2 torch>=2.6`,
    ]);
    expect(completeEnvironment(environment)).toBe(environment);
    expect(choosePython("", environment)).toEqual({
      program: pythonOf(environment),
      from: "made",
    });
    expect(choosePython("/my/python", environment)?.from).toBe("setting");
  });

  it("prefers uv, which may bring a Python of its own", async () => {
    await make(machine(["uv"]));
    expect(ran.filter((one) => one.startsWith("uv "))).toEqual([
      "uv --version",
      `uv venv --python >=3.11 ${environment}`,
      `uv pip install --python ${pythonOf(environment)} trl>=1.13,<2 torch>=2.6`,
    ]);
  });

  it("says so where there is no Python", async () => {
    await expect(make(machine([]))).rejects.toThrow("3.11 or newer");
    expect(existsSync(environment)).toBe(false);
  });

  it("removes what is half made when it fails or is given up, and what an earlier try left", async () => {
    const fails = machine(["python3"], (line) => {
      if (line.includes("install"))
        throw new ProgramError("pip ended with code 1", "a\nERROR: no disk\n");
    });
    await expect(make(fails)).rejects.toThrow("ERROR: no disk");
    expect(existsSync(environment)).toBe(false);
    const givenUp = machine(["python3"], (line) => {
      if (line.includes("install")) abort.abort(new Error("given up"));
    });
    await expect(make(givenUp)).rejects.toThrow("given up");
    expect(existsSync(environment)).toBe(false);
    abort = new AbortController();
    await mkdir(environment, { recursive: true });
    await writeFile(path.join(environment, "left"), "");
    expect(completeEnvironment(environment)).toBeUndefined();
    await make(machine(["python3"]));
    expect(await readdir(environment)).not.toContain("left");
  });
});
