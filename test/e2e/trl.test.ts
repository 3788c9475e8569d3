/**
 * The engine "TRL (this machine)" in a real VS Code, with the real TRL: launched from the palette, watched, and its
 * checkpoint inspected. FORKSIGHT_PYTHON names a Python that has TRL; with FORKSIGHT_SET_UP_TRL=1 the command "Set Up TRL"
 * makes one instead, which takes minutes and a package index.
 */
import {
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Frame, Locator } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { formatted } from "../../core/panels/dashboardCharts";
import { readMetrics } from "../../core/run/readFolder";
import { root } from "../../scripts/steps.mjs";
import {
  obstacle,
  picturesOfFailures,
  Session,
  temporaryFolder,
} from "./harness/session";
import type { Workbench } from "./harness/workbench";

/** Importing torch, transformers and TRL takes up to 30 s, on a busy machine more. */
const PATIENCE_MS = 400_000;

const STEPS = 3;

const RUN_FILE = `name: by-trl
engine: trl
model: ${JSON.stringify(join(root, "models", "pocket.gguf"))}
data: {train: ../data/countdown-train.jsonl}
rollout: {promptsPerStep: 2, groupSize: 4, maxTokens: 128}
mask: {rule: quantile, denominator: all}
optimizer: {learningRate: 0.02}
steps: ${STEPS}
eval: {every: 0}
analysis: {every: 0}
checkpoints: {every: 1}
gpu: "off"
threads: 1
`;

const python = process.env["FORKSIGHT_PYTHON"] ?? "";
const isToSetUp = process.env["FORKSIGHT_SET_UP_TRL"] === "1";
const cannot =
  obstacle() !== undefined
    ? obstacle()
    : python === "" && !isToSetUp
      ? "FORKSIGHT_PYTHON names no Python that has TRL"
      : undefined;
if (cannot !== undefined)
  console.log(`TRL is not tested in the workbench: ${cannot}.`);

describe.skipIf(cannot !== undefined)("TRL on this machine", () => {
  const workspace = temporaryFolder("trl");
  const place = join(workspace, ".forksight", "runs");
  let session: Session;
  let workbench: Workbench;

  beforeAll(async () => {
    cpSync(join(root, "samples"), workspace, { recursive: true });
    writeFileSync(join(workspace, "runs", "by-trl.forksight.yaml"), RUN_FILE);
    session = await Session.open({
      workspace,
      settings: isToSetUp ? {} : { "forksight.trl.python": python },
    });
    workbench = session.workbench;
    await workbench.statusMatches(/model/iu);
    await workbench.run("Forksight: Focus on Runs View");
  });

  picturesOfFailures(() => session);

  afterAll(async () => {
    await session?.close();
    rmSync(workspace, { recursive: true, force: true });
  });

  function folder(): string {
    const names = existsSync(place) ? readdirSync(place) : [];
    return join(place, names.find((one) => one.startsWith("by-trl")) ?? "none");
  }

  function row(state = ""): Locator {
    return workbench.page.locator(
      `.part.sidebar .monaco-list-row[aria-label*="Run by-trl, ${state}"]`,
    );
  }

  async function shows(state: string): Promise<void> {
    await workbench.until(
      async () => (await row(state).count()) === 1,
      async () =>
        `the run is not ${state}: ${(await workbench.treeRows().allInnerTexts()).join("; ")}`,
      PATIENCE_MS,
    );
  }

  async function dashboard(): Promise<Frame> {
    let found: Frame | undefined;
    await workbench.until(
      async () => {
        for (const frame of workbench.page.frames())
          if (await frame.$("#charts").catch(() => null)) found = frame;
        return found !== undefined;
      },
      () => "there is no dashboard",
    );
    return found!;
  }

  test.runIf(isToSetUp)(
    "Set Up TRL makes an environment, with progress",
    { timeout: 2 * PATIENCE_MS },
    async () => {
      await workbench.run("Forksight: Set Up TRL");
      const dialog = workbench.page.locator(".monaco-dialog-box");
      await dialog
        .locator(".monaco-button", { hasText: "Set Up" })
        .first()
        .click();
      await dialog.waitFor({ state: "hidden" });
      await workbench.showNotifications();
      await workbench
        .notification(/setting up TRL: installing/u)
        .waitFor({ timeout: PATIENCE_MS });
      await workbench.screenshot("test-results/trl-setting-up.png");
      await workbench
        .notification(/setting up TRL/u)
        .waitFor({ state: "hidden", timeout: PATIENCE_MS });
      await workbench.screenshot("test-results/trl-set-up.png");
    },
  );

  test(
    "is launched from the palette, and its steps are seen as they come",
    { timeout: 2 * PATIENCE_MS },
    async () => {
      await workbench.openFile("by-trl.forksight.yaml");
      await workbench.run("Forksight: Launch Run File...");
      await shows("running");
      await workbench.screenshot("test-results/trl-running.png");
      await shows("done");
      expect(existsSync(join(folder(), "checkpoints", `step-${STEPS}`))).toBe(
        true,
      );
    },
  );

  test("the dashboard that the launch opened draws it as it draws any run", async () => {
    const lines = readMetrics(
      readFileSync(join(folder(), "metrics.jsonl"), "utf8"),
    ).lines;
    const last = lines.at(-1)!;
    const wanted = [
      ["entropy", last.entropy!, "plain"],
      ["length", last["completions/mean_length"]!, "count"],
    ] as const;
    const page = await dashboard();
    for (const [chart, value, format] of wanted)
      await workbench.until(
        async () =>
          (await valuesOf(page, chart))[0] === formatted(value, format),
        async () =>
          `${chart} shows ${(await valuesOf(page, chart)).join()}, not ${value}`,
      );
    await workbench.screenshot("test-results/trl-dashboard.png");
  });

  /** Texts of the values under a chart. */
  function valuesOf(page: Frame, chart: string): Promise<string[]> {
    return page.locator(`[data-chart="${chart}"] .readout td`).allInnerTexts();
  }

  test("its checkpoint is an adapter that the annotator loads", async () => {
    await workbench.openFile("countdown-first-try.txt");
    await workbench.run("Forksight: Annotate");
    await workbench.statusMatches(/\d+ forks/u);
    await workbench.run("Forksight: Inspect with This Checkpoint...");
    await workbench.pick("by-trl");
    await workbench.pick(`Step ${STEPS}`);
    await workbench.statusMatches(
      new RegExp(`\\d+ forks by .*step ${STEPS}`, "u"),
    );
    await workbench.screenshot("test-results/trl-inspect.png");
  });
});
