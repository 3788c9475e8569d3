/** The engine "TRL (this machine)" with the real TRL: FORKSIGHT_PYTHON names a Python that has it. */
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CancellationToken } from "vscode";
import { TrlEngine } from "../../../extension/engines/trl";
import { TrlPackage } from "../../../extension/trl/trlPackage";
import { inRepository } from "../engine/engineUnderTest";
import {
  expectWholeRun,
  makePocketRun,
  type PocketRun,
  statusOf,
  untilState,
} from "./pocketRun";

/** Importing torch, transformers and TRL takes up to 30 s, on a busy machine more. */
const PATIENCE = 400_000;

const python = process.env["FORKSIGHT_PYTHON"] ?? "";
if (python === "")
  console.log(
    "The engine TRL is not tested: FORKSIGHT_PYTHON names no Python that has TRL.",
  );

describe.skipIf(python === "")("the engine TRL", () => {
  let run: PocketRun;
  beforeAll(() => {
    run = makePocketRun("trl", 3);
  });
  afterAll(() => rmSync(run.root, { recursive: true, force: true }));

  it(
    "launches a run, stops it behind a step, goes on, and leaves the folder that the window reads",
    { timeout: PATIENCE },
    async () => {
      const engine = new TrlEngine(new TrlPackage(inRepository("python")), {
        pythonSetting: () => python,
        environment: () => undefined,
      });
      expect(await engine.availability()).toMatchObject({ available: true });
      const { runFile, folder } = run;
      const launched = performance.now();
      await engine.launch(
        { runFile, folder, overrides: [], trustRewards: false },
        notCancelled,
      );
      expect(existsSync(join(folder, "run.json"))).toBe(true);
      console.log(
        `run.json stood after ${((performance.now() - launched) / 1000).toFixed(1)} s`,
      );
      await engine.stop(folder);
      await untilState(folder, ["stopped", "done", "failed"], PATIENCE / 2);
      expect(statusOf(folder)).toMatchObject({ state: "stopped" });
      expect(statusOf(folder).step).toBeLessThan(3);
      await engine.resume({ folder, trustRewards: false });
      await untilState(folder, ["stopped", "done", "failed"], PATIENCE / 2);
      expectWholeRun(folder, "trl", 3);
    },
  );
});

const notCancelled = {
  isCancellationRequested: false,
  onCancellationRequested: () => ({ dispose: () => undefined }),
} as unknown as CancellationToken;
