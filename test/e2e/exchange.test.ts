/** Other trainers' files in a real VS Code: a run of TRL's imported, a checkpoint's adapter exported, a run file for verl. */
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readPeft } from "../../core/exchange/peft";
import { root } from "../../scripts/steps.mjs";
import { writeRun } from "../unit/runs/folders";
import { answerFileDialog } from "./harness/fileDialog";
import {
  obstacle,
  picturesOfFailures,
  Session,
  temporaryFolder,
} from "./harness/session";
import type { Workbench } from "./harness/workbench";

const FIXTURES = join(root, "test", "fixtures");

describe.skipIf(obstacle() !== undefined)("exchange", () => {
  const workspace = temporaryFolder("exchange");
  const elsewhere = temporaryFolder("trl");
  const place = join(workspace, ".forksight", "runs");
  let session: Session;
  let workbench: Workbench;

  beforeAll(async () => {
    cpSync(join(FIXTURES, "exchange", "imports", "trl"), elsewhere, {
      recursive: true,
    });
    const model = join(FIXTURES, "train", "qwen3.gguf");
    const own = writeRun(place, "own", {
      description: {
        name: "own",
        model: { path: model, sha256: "", bytes: 0 },
      },
      status: { state: "done", step: 7, steps: 7 },
    });
    const checkpoint = join(own, "checkpoints", "step-7");
    mkdirSync(checkpoint, { recursive: true });
    copyFileSync(
      join(FIXTURES, "train", "qwen3-adapter.gguf"),
      join(checkpoint, "adapter.gguf"),
    );
    writeFileSync(
      join(workspace, "run.forksight.yaml"),
      "model: pocket.gguf\ndata: {train: train.jsonl}\nmask: {rho: 0.1}\n",
    );
    session = await Session.open({ workspace, settings: {} });
    workbench = session.workbench;
    await workbench.statusMatches(/model/iu);
    await workbench.run("Forksight: Focus on Runs View");
  });

  picturesOfFailures(() => session);

  afterAll(async () => {
    await session?.close();
    for (const folder of [workspace, elsewhere])
      rmSync(folder, { recursive: true, force: true });
  });

  test("a trainer_state.json is imported, and the run is in the list", async () => {
    await workbench.run("Forksight: Import Runs...");
    await answerFileDialog(
      workbench,
      join(elsewhere, "checkpoint-4", "trainer_state.json"),
    );
    const row = workbench.page.locator(
      '.part.sidebar .monaco-list-row[aria-label*="checkpoint-4, done, 4/4"]',
    );
    await row.waitFor();
    expect(await row.innerText()).toMatch(/4\/4, reward -0\.0\d/);
    const [folder] = readdirSync(join(place, "imported"));
    expect(
      readdirSync(join(place, "imported", folder!, "rollouts")),
    ).toHaveLength(4);
    await workbench.showNotifications();
    await workbench.notification(/imported 1 run.*Parquet/su).waitFor();
    await workbench.screenshot("test-results/exchange-imported.png");
    await workbench.page.keyboard.press("Escape");
  });

  test("a checkpoint's adapter becomes a PEFT folder", async () => {
    await workbench.run("Forksight: Export Adapter...");
    await workbench.pick(/^own/u);
    await workbench.pick("Step 7");
    await workbench.pick("PEFT Folder...");
    const target = join(elsewhere, "exported");
    await answerFileDialog(workbench, target);
    const weights = join(target, "adapter_model.safetensors");
    const config = join(target, "adapter_config.json");
    await workbench.until(
      () => Promise.resolve(existsSync(config)),
      () => `there is no ${config}`,
    );
    const adapter = readPeft(
      readFileSync(config, "utf8"),
      new Uint8Array(readFileSync(weights)),
    );
    expect(adapter.pairs.length).toBeGreaterThan(6);
    await workbench.showNotifications();
    await workbench.notification(/adapter of step 7 is in/u).waitFor();
    await workbench.page.keyboard.press("Escape");
  });

  test("a run file opens as verl's configuration", async () => {
    await workbench.openFile("run.forksight.yaml");
    await workbench.run("Forksight: Export verl Configuration");
    await workbench.showsText(/Made by Forksight from a run file/u);
    await workbench.screenshot("test-results/exchange-verl.png");
  });
});
