/** The engines "Ray cluster" and "TRL (this machine)" in a real VS Code: the cluster is a server that speaks Ray's shapes. */
import {
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Locator } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readMetrics } from "../../core/run/readFolder";
import { root } from "../../scripts/steps.mjs";
import { FakeTrainer } from "../unit/ray/fakeTrainer";
import { JobsServer } from "../unit/ray/jobsServer";
import {
  obstacle,
  picturesOfFailures,
  Session,
  temporaryFolder,
} from "./harness/session";
import type { Workbench } from "./harness/workbench";

const TOKEN = "correct-horse";

const runFile = (name: string, engine: string) => `name: ${name}
engine: ${engine}
model: /cluster/models/Qwen3-0.6B
data: {train: ../data/countdown-train.jsonl}
steps: 4
eval: {every: 0}
analysis: {every: 0}
`;

describe.skipIf(obstacle() !== undefined)(
  "the engines of larger machines",
  () => {
    const workspace = temporaryFolder("engines");
    const place = join(workspace, ".forksight", "runs");
    const server = new JobsServer();
    const trainers = new Map<string, FakeTrainer>();
    let session: Session;
    let workbench: Workbench;

    beforeAll(async () => {
      cpSync(join(root, "samples"), workspace, { recursive: true });
      for (const [name, engine] of [
        ["cluster", "ray"],
        ["second", "ray"],
        ["local", "trl"],
      ] as const)
        writeFileSync(
          join(workspace, "runs", `${name}.forksight.yaml`),
          runFile(name, engine),
        );
      server.token = TOKEN;
      server.onSubmit = (id, job) => {
        job.status = "RUNNING";
        trainers.set(id, new FakeTrainer((text) => server.print(id, text)));
      };
      const address = await server.start();
      session = await Session.open({
        workspace,
        settings: { "forksight.ray.address": address },
      });
      workbench = session.workbench;
      await workbench.statusMatches(/model/iu);
      await workbench.run("Forksight: Focus on Runs View");
    });

    picturesOfFailures(() => session);

    afterAll(async () => {
      await session?.close();
      await server.stop();
      rmSync(workspace, { recursive: true, force: true });
    });

    function folderOf(name: string): string {
      const names = existsSync(place) ? readdirSync(place) : [];
      return join(place, names.find((one) => one.startsWith(name)) ?? name);
    }

    function row(name: string, state = ""): Locator {
      return workbench.page.locator(
        `.part.sidebar .monaco-list-row[aria-label*="Run ${name}, ${state}"]`,
      );
    }

    async function shows(name: string, state: string): Promise<void> {
      await workbench.until(
        async () => (await row(name, state).count()) === 1,
        async () =>
          `${name} is not ${state}: ${(await workbench.treeRows().allInnerTexts()).join("; ")}`,
      );
    }

    async function giveToken(): Promise<void> {
      await workbench.run("Forksight: Set Ray Token...");
      const title = workbench.page.locator(".quick-input-title:visible", {
        hasText: "Ray Token",
      });
      await title.waitFor();
      await workbench.answer(TOKEN);
      await title.waitFor({ state: "hidden" });
    }

    async function launch(name: string): Promise<void> {
      await workbench.openFile(`${name}.forksight.yaml`);
      await workbench.run("Forksight: Launch Run File...");
    }

    /** The job of a run, whose folder is here. */
    function jobOf(name: string): { id: string; trainer: FakeTrainer } {
      const text = readFileSync(join(folderOf(name), "ray.json"), "utf8");
      const { job } = JSON.parse(text) as { job: string };
      return { id: job, trainer: trainers.get(job)! };
    }

    function step(trainer: FakeTrainer, number: number): void {
      trainer.append(
        "metrics.jsonl",
        `${JSON.stringify({ step: number, time: 1, reward: number / 10 })}\n`,
      );
      trainer.status("running", number, 4);
    }

    test("a token that is missing is asked for, kept, and sent to the cluster alone", async () => {
      await launch("cluster");
      await workbench.showNotifications();
      await workbench.notification(/refused the token/u).waitFor();
      await workbench.page.keyboard.press("Escape");
      await giveToken();
      await launch("cluster");
      await shows("cluster", "preparing");
      expect(existsSync(join(folderOf("cluster"), "run.json"))).toBe(true);
    });

    test("what the job prints is seen as its run", async () => {
      const { trainer } = jobOf("cluster");
      step(trainer, 1);
      await shows("cluster", "running");
      await workbench.until(
        async () => /1\/4, reward 0\.1/.test(await row("cluster").innerText()),
        async () => `no step is shown: ${await row("cluster").innerText()}`,
      );
      await workbench.screenshot("test-results/engines-ray-running.png");
    });

    test("a reload and a lost connection neither lose nor double a step", async () => {
      const { id, trainer } = jobOf("cluster");
      server.tailings = [{ kind: "cut", after: 50 }];
      await workbench.page.reload({ waitUntil: "commit" });
      step(trainer, 2);
      step(trainer, 3);
      await workbench.shown();
      step(trainer, 4);
      trainer.status("done", 4, 4);
      trainer.end();
      server.end(id, "SUCCEEDED");
      // A workbench in the browser keeps secrets only as long as its page; VS Code itself keeps them.
      await giveToken();
      await shows("cluster", "done");
      const text = readFileSync(
        join(folderOf("cluster"), "metrics.jsonl"),
        "utf8",
      );
      expect(readMetrics(text).lines.map((line) => line.step)).toEqual([
        1, 2, 3, 4,
      ]);
    });

    test("a run is stopped by a job that asks it", async () => {
      await launch("second");
      await shows("second", "preparing");
      const { id, trainer } = jobOf("second");
      step(trainer, 1);
      await shows("second", "running");
      server.onSubmit = (other) => {
        server.end(other, "SUCCEEDED");
        trainer.status("stopped", 1, 4);
        trainer.end();
        server.end(id, "SUCCEEDED");
      };
      await row("second").hover();
      await row("second")
        .locator('.action-label[aria-label="Stop Run"]')
        .click();
      await shows("second", "stopped");
      expect(server.jobs.has(`${id}-stop`)).toBe(true);
    });

    test("without a Python that has TRL, the way to one is shown, and it asks first", async () => {
      await launch("local");
      await workbench.showNotifications();
      const notice = workbench.notification(/There is no Python with TRL yet/u);
      await notice.waitFor();
      await workbench.page
        .locator(".notifications-center .monaco-button", {
          hasText: "Set Up TRL",
        })
        .first()
        .click();
      const dialog = workbench.page.locator(".monaco-dialog-box");
      await dialog.waitFor();
      expect(await dialog.innerText()).toContain("download of 1 to 3 GB");
      await workbench.screenshot("test-results/engines-set-up-trl.png");
      await dialog
        .locator(".monaco-button", { hasText: "Cancel" })
        .first()
        .click();
      await dialog.waitFor({ state: "hidden" });
    });
  },
);
