import { existsSync } from "node:fs";
import {
  chmod,
  mkdtemp,
  readFile,
  readdir,
  rm,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { CancellationToken } from "vscode";
import { TrlEngine } from "../../../extension/engines/trl";
import { TrlPackage } from "../../../extension/trl/trlPackage";

const FOUND = {
  python: "3.11.7",
  needed: { trl: "1.13.0", torch: "2.13.0+cpu", transformers: "5.18.0" },
  missing: [] as string[],
};

let root: string;
let python: string;
let engine: TrlEngine;
let setting: string;
beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), "forksight-trl-"));
  python = path.join(root, "python");
  setting = python;
  engine = new TrlEngine(new TrlPackage(path.join(root, "package")), {
    pythonSetting: () => setting,
    environment: () => undefined,
  });
});
afterEach(() => rm(root, { recursive: true }));

/** An interpreter of a few lines of shell that notes how it was called. */
async function interpreter(...lines: readonly string[]): Promise<void> {
  const calls = path.join(root, "calls");
  const text = [
    "#!/bin/sh",
    `echo "$PYTHONPATH | $*" >> '${calls}'`,
    ...lines,
  ].join("\n");
  await writeFile(python, `${text}\n`);
  await chmod(python, 0o755);
}

async function calls(): Promise<string[]> {
  const text = await readFile(path.join(root, "calls"), "utf8");
  return text.trim().split("\n");
}

const never = {
  isCancellationRequested: false,
  onCancellationRequested: () => ({ dispose: () => undefined }),
} as unknown as CancellationToken;

describe.skipIf(process.platform === "win32")("the engine TRL", () => {
  it("asks a Python for its versions once, from the extension's own package", async () => {
    await interpreter("echo Loading", `echo '${JSON.stringify(FOUND)}'`);
    const availability = await engine.availability();
    expect(availability).toMatchObject({ available: true });
    if (availability.available)
      expect(availability.detail).toContain("trl 1.13.0, torch 2.13.0+cpu");
    await engine.availability();
    expect(await calls()).toHaveLength(1);
    expect((await calls())[0]).toContain(
      `${path.join(root, "package", "src")}`,
    );
  });

  it("says what is missing, with the way to mend it", async () => {
    const remedy = { title: "Set Up TRL", command: "forksight.setUpTrl" };
    await interpreter(
      `echo '${JSON.stringify({ ...FOUND, missing: ["trl", "gguf"] })}'`,
    );
    expect(await engine.availability()).toMatchObject({
      available: false,
      missing: [`${python} lacks trl, gguf.`, expect.anything()],
      remedy,
    });
    await interpreter("echo 'No module named forksight_trl' >&2", "exit 1");
    const broken = await engine.availability();
    expect(JSON.stringify(broken)).toContain("No module named forksight_trl");
    setting = "";
    expect(await engine.availability()).toMatchObject({ remedy });
    setting = path.join(root, "nowhere");
    expect(JSON.stringify(await engine.availability())).toContain("ENOENT");
  });

  it("launches the package, and throws its last words where it ends at once", async () => {
    const folder = path.join(root, "run");
    const launch = {
      runFile: path.join(root, "a.forksight.yaml"),
      folder,
      overrides: [{ field: "steps", value: "2" }],
      trustRewards: false,
    };
    await interpreter(`touch '${folder}/run.json'`, "sleep 0.3");
    await engine.launch(launch, never);
    expect((await calls()).at(-1)).toContain(
      `-m forksight_trl train ${launch.runFile} --out ${folder} --set steps=2`,
    );
    await rm(folder, { recursive: true });
    await interpreter("echo 'data.train cannot be read' >&2", "exit 1");
    await expect(engine.launch(launch, never)).rejects.toThrow(
      "data.train cannot be read",
    );
    expect(existsSync(folder)).toBe(false);
    expect(await readdir(root)).not.toContain("run");
  });
});
