import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  launchArguments,
  resumeArguments,
} from "../../../extension/engines/localTrainer";
import { startTrainer } from "../../../extension/engines/trainerProcess";
import { parseTrainCommand } from "../../../native/cli/train";
import { temporaryPlace } from "./folders";

describe("the embedded engine's command line", () => {
  test("is understood as it was meant", () => {
    const overrides = [
      { field: "mask.kind", value: "random" },
      { field: "name", value: '"a b, --out"' },
    ];
    const args = launchArguments({
      runFile: "/w/a b.forksight.yaml",
      folder: "/w/-odd folder",
      overrides,
      trustRewards: true,
    });
    expect(parseTrainCommand(args)).toEqual({
      kind: "train",
      runFile: "/w/a b.forksight.yaml",
      out: "/w/-odd folder",
      overrides,
      trustRewards: true,
    });
  });

  test("lets no reward run that nobody agreed to", () => {
    const launch = { runFile: "/r", folder: "/f", overrides: [] };
    const args = launchArguments({ ...launch, trustRewards: false });
    expect(args).not.toContain("--trust-rewards");
  });

  test("resumes, to more steps where asked", () => {
    const plain = resumeArguments({ folder: "/f", trustRewards: false });
    const more = { folder: "/f", steps: 60, trustRewards: true };
    expect(parseTrainCommand(plain)).toMatchObject({
      kind: "resume",
      steps: undefined,
      trustRewards: false,
    });
    expect(parseTrainCommand(resumeArguments(more))).toEqual({
      kind: "resume",
      ...more,
    });
  });
});

describe("starting a trainer", () => {
  const start = (script: string, folder: string, signal?: AbortSignal) =>
    startTrainer(
      { program: process.execPath, args: ["-e", script], folder },
      () => existsSync(join(folder, "run.json")),
      signal,
    );
  const never = "setInterval(() => {}, 1000)";

  test("resolves once it is at work, and leaves it there", async () => {
    const folder = join(temporaryPlace(), "new");
    const write = `console.error("hello"); require("fs").writeFileSync(${JSON.stringify(join(folder, "run.json"))}, String(process.pid)); ${never}`;
    await start(write, folder);
    const pid = Number(readFileSync(join(folder, "run.json"), "utf8"));
    expect(process.kill(pid, 0)).toBe(true);
    process.kill(pid, "SIGKILL");
    expect(readFileSync(join(folder, "trainer.log"), "utf8")).toBe("hello\n");
  });

  test("hands on what the trainer says meanwhile", async () => {
    const folder = join(temporaryPlace(), "new");
    const said: string[] = [];
    const speak = `console.error("fetching a/b\\n  quoted code"); setTimeout(() => process.exit(0), 500)`;
    await startTrainer(
      { program: process.execPath, args: ["-e", speak], folder },
      () => false,
      undefined,
      (line) => said.push(line),
    );
    expect(said).toEqual(["fetching a/b"]);
  });

  test("fails with the trainer's own words, and leaves no folder", async () => {
    const folder = join(temporaryPlace(), "new");
    const fail = `console.error("noise\\nforksight: no such model"); process.exit(1)`;
    await expect(start(fail, folder)).rejects.toThrow(/^no such model$/);
    expect(existsSync(folder)).toBe(false);
  });

  test("keeps a folder that holds more, and its log", async () => {
    const folder = temporaryPlace();
    writeFileSync(join(folder, "trainer.log"), "earlier\n");
    writeFileSync(join(folder, "status.json"), "{}");
    const fail = `console.error("forksight: locked"); process.exit(1)`;
    await expect(start(fail, folder)).rejects.toThrow(/^locked$/);
    expect(readFileSync(join(folder, "trainer.log"), "utf8")).toBe(
      "earlier\nforksight: locked\n",
    );
  });

  test("says how it ended where it said nothing itself", async () => {
    const folder = join(temporaryPlace(), "new");
    await expect(start("process.exit(3)", folder)).rejects.toThrow(
      "The trainer ended with code 3.",
    );
  });

  test("fails where the program is not there", async () => {
    const folder = join(temporaryPlace(), "new");
    const started = startTrainer(
      { program: join(folder, "nothing"), args: [], folder },
      () => false,
    );
    await expect(started).rejects.toThrow(/could not be started/);
  });

  test("is given up when asked", async () => {
    const folder = join(temporaryPlace(), "new");
    const signal = AbortSignal.timeout(200);
    await expect(start(never, folder, signal)).rejects.toThrow();
    expect(existsSync(folder)).toBe(false);
  });
});
