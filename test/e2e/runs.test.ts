/** The view "Runs" in a real VS Code with the real trainer: launch, stop, resume, reload, a process that is killed, deletion. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Locator } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RunStatus } from "../../core/run/folder";
import { readRunFile } from "../../core/run/runFile";
import { POCKET_MODEL } from "../../scripts/sample.mjs";
import { root } from "../../scripts/steps.mjs";
import { writeRun } from "../unit/runs/folders";
import {
  obstacle,
  picturesOfFailures,
  Session,
  temporaryFolder,
} from "./harness/session";
import type { Workbench } from "./harness/workbench";

/** Small enough that a step takes a fraction of a second, long enough to be stopped. */
const runFile = (name: string, steps: number) => `name: ${name}
model: ${POCKET_MODEL}
data: {train: ../data/countdown-train.jsonl}
rollout: {promptsPerStep: 2, groupSize: 4, maxTokens: 64}
steps: ${steps}
eval: {every: 0}
analysis: {every: 0}
checkpoints: {every: 0}
threads: 1
gpu: off
`;

const TASK = {
  type: "forksight",
  label: "a random fifth",
  runFile: "runs/short.forksight.yaml",
  set: ["name=by-task", "mask.kind=random", "steps=1"],
  problemMatcher: [],
};

const THEMES = [
  ["dark", "Dark Modern"],
  ["light", "Light Modern"],
  ["contrast", "Dark High Contrast"],
] as const;

describe.skipIf(obstacle() !== undefined)("the view Runs", () => {
  const workspace = temporaryFolder("runs");
  const place = join(workspace, ".forksight", "runs");
  let session: Session;
  let workbench: Workbench;

  beforeAll(async () => {
    cpSync(join(root, "samples"), workspace, { recursive: true });
    const write = (name: string, steps: number) =>
      writeFileSync(
        join(workspace, "runs", `${name}.forksight.yaml`),
        runFile(name, steps),
      );
    write("long", 1_000_000);
    write("short", 2);
    write("bad", -1);
    writeFileSync(
      join(workspace, "runs", "own.forksight.yaml"),
      `${runFile("own", 1)}reward: {kind: javascript, file: reward.mjs}\n`,
    );
    writeFileSync(
      join(workspace, "runs", "reward.mjs"),
      "export default ({ completions }) => completions.map(() => 0.75);\n",
    );
    mkdirSync(join(workspace, ".vscode"), { recursive: true });
    writeFileSync(
      join(workspace, ".vscode", "tasks.json"),
      JSON.stringify({ version: "2.0.0", tasks: [TASK] }),
    );
    session = await Session.open({ workspace, settings: {} });
    workbench = session.workbench;
    await workbench.statusMatches(/model/iu);
    await workbench.run("Forksight: Focus on Runs View");
  });

  picturesOfFailures(() => session);

  afterAll(async () => {
    for (const folder of runFolders()) killTrainer(folder);
    await session?.close();
    rmSync(workspace, { recursive: true, force: true });
  });

  function runFolders(name = ""): string[] {
    if (!existsSync(place)) return [];
    return readdirSync(place)
      .filter((one) => one.startsWith(name))
      .map((one) => join(place, one));
  }

  /** The run's row, whose accessible name tells its state. */
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

  async function act(name: string, title: string): Promise<void> {
    await row(name).hover();
    await row(name).locator(`.action-label[aria-label="${title}"]`).click();
  }

  async function choose(name: string, item: string): Promise<void> {
    const entry = await workbench.menuEntry(row(name), item);
    // A menu that has just opened takes no click yet.
    await workbench.until(
      async () => {
        await entry.click({ timeout: 2000 }).catch(() => undefined);
        return !(await entry.isVisible());
      },
      () => `the menu does not take ${item}`,
    );
  }

  async function answerDialog(button: string): Promise<string> {
    const dialog = workbench.page.locator(".monaco-dialog-box");
    await dialog.waitFor();
    const text = await dialog.innerText();
    await dialog.locator(".monaco-button", { hasText: button }).first().click();
    return text;
  }

  test("is empty at first, and offers what to begin with", async () => {
    const welcome = workbench.page.locator(".welcome-view-content").first();
    await welcome.locator("text=Launch Run File").waitFor();
    await welcome.locator("text=Open Runs").waitFor();
    await workbench.screenshot("test-results/runs-empty.png");
  });

  test("a run file is launched from the palette and seen at work", async () => {
    await workbench.openFile("long.forksight.yaml");
    await workbench.run("Forksight: Launch Run File...");
    await shows("long", "running");
    await workbench.until(
      async () =>
        /[1-9]\d*\/1000000, reward/.test(await row("long").innerText()),
      async () => `no step is shown: ${await row("long").innerText()}`,
    );
  });

  test("it is stopped, and resumed where it was", async () => {
    await act("long", "Stop Run");
    await shows("long", "stopped");
    const { step } = statusOf(runFolders("long")[0]!);
    await act("long", "Resume Run");
    await shows("long", "running");
    await workbench.until(
      () => Promise.resolve(statusOf(runFolders("long")[0]!).step > step),
      () => `no step beyond ${step}`,
    );
  });

  test("it outlives a reload of the window, and is found again", async () => {
    const [folder] = runFolders("long");
    const { pid } = statusOf(folder!);
    await workbench.page.reload({ waitUntil: "commit" });
    await workbench.shown();
    await shows("long", "running");
    expect(statusOf(folder!).pid).toBe(pid);
  });

  test("a run whose process is killed is interrupted, is told of, and can be resumed", async () => {
    // Nothing is told of a run whose dashboard is shown.
    await workbench.run("View: Close All Editors");
    killTrainer(runFolders("long")[0]!);
    await shows("long", "interrupted");
    await workbench.showNotifications();
    await workbench.notification(/"long" was interrupted/u).waitFor();
    await workbench.page.keyboard.press("Escape");
    await act("long", "Resume Run");
    await shows("long", "running");
  });

  test("a short run is done", async () => {
    await workbench.openFile("short.forksight.yaml");
    await workbench.run("Forksight: Launch Run File...");
    await shows("short", "done");
    expect(await row("short").innerText()).toContain("2/2, reward");
  });

  test("it goes on to more steps, which are asked for", async () => {
    await choose("short", "Resume Run to More Steps");
    await workbench.answer("3");
    await workbench.until(
      async () => /3\/3, reward/.test(await row("short").innerText()),
      async () => `no third step: ${await row("short").innerText()}`,
    );
    await shows("short", "done");
  });

  test("it is duplicated as a run file with a name of its own", async () => {
    await choose("short", "Duplicate Run");
    await workbench.activeTab("short-2.forksight.yaml").waitFor();
    const settings = (name: string) => {
      const file = join(workspace, "runs", `${name}.forksight.yaml`);
      const read = readRunFile(readFileSync(file, "utf8"));
      return read.ok ? { ...read.settings, name: "" } : read.errors;
    };
    // The run has been taken to three steps.
    expect(settings("short-2")).toEqual({ ...settings("short"), steps: 3 });
    rmSync(join(workspace, "runs", "short-2.forksight.yaml"));
    await workbench.run("View: Close All Editors");
  });

  test("a task trains a run file in a terminal, with settings of its own", async () => {
    await workbench.run("Tasks: Run Task");
    await workbench.filterAndPick("a random fifth");
    await shows("by-task", "done");
    const [folder] = runFolders("by-task");
    const text = readFileSync(join(folder!, "run.json"), "utf8");
    expect(JSON.parse(text)).toMatchObject({
      settings: { mask: { kind: "random" }, steps: 1 },
    });
    expect(await row("by-task").innerText()).toContain("1/1, reward");
    // The list is virtual: the rows of the tests that follow must have room.
    rmSync(folder!, { recursive: true });
    await workbench.run("View: Hide Panel");
  });

  test("a run file that does not hold is not launched, and says where", async () => {
    await workbench.openFile("bad.forksight.yaml");
    await workbench.run("Forksight: Launch Run File...");
    await workbench.showNotifications();
    await workbench
      .notification(/runs\/bad\.forksight\.yaml:5: steps: /u)
      .waitFor();
    expect(runFolders("bad")).toEqual([]);
  });

  test("a malformed folder is unreadable, with the reason, and harms nothing", async () => {
    mkdirSync(join(place, "broken"));
    writeFileSync(join(place, "broken", "run.json"), '{"format": 1, "name"');
    await shows("broken", "unreadable");
    expect(await row("broken").innerText()).toContain("run.json: no JSON");
    await shows("long", "running");
  });

  test("arms are compared one after another, and stay together", async () => {
    await workbench.openFile("short.forksight.yaml");
    await workbench.run("Forksight: Compare Arms...");
    // All and top are chosen already.
    await workbench.page
      .locator(".quick-input-list .monaco-list-row", { hasText: "the control" })
      .waitFor();
    await workbench.press("Enter");
    await workbench.pick("One after another");
    await shows("short, all", "done");
    await shows("short, top", "done");
    const [group] = runFolders("short-arms");
    const kinds = ["all", "top"].map((arm) => {
      const text = readFileSync(join(group!, arm, "run.json"), "utf8");
      const { settings } = JSON.parse(text) as {
        settings: { mask: { kind: string }; seed: number };
      };
      return [settings.mask.kind, settings.seed];
    });
    expect(kinds).toEqual([
      ["all", 1],
      ["top", 1],
    ]);
    const ended = (arm: string) =>
      readFileSync(join(group!, arm, "metrics.jsonl"), "utf8");
    const times = ["all", "top"].map((arm) =>
      ended(arm)
        .trim()
        .split("\n")
        .map((line) => (JSON.parse(line) as { time: number }).time),
    );
    expect(Math.min(...times[1]!)).toBeGreaterThan(Math.max(...times[0]!));
  });

  test("a reward that is a program runs only after a question that names it", async () => {
    await workbench.openFile("own.forksight.yaml");
    await workbench.run("Forksight: Launch Run File...");
    const asked = await answerDialog("Cancel");
    expect(asked).toContain(join(workspace, "runs", "reward.mjs"));
    expect(runFolders("own")).toEqual([]);
    await workbench.run("Forksight: Launch Run File...");
    await answerDialog("Run It");
    await shows("own", "done");
    expect(await row("own").innerText()).toContain("reward 0.75");
  });

  test("runs copied here are shown, groups and all", async () => {
    const at = (step: number) => [{ step, time: 0, reward: 0.31 }];
    const arms = join(place, "copied-arms");
    writeRun(arms, "all", {
      description: { name: "countdown, all" },
      status: { state: "done", step: 30 },
      lines: at(30),
    });
    writeRun(arms, "top", {
      description: { name: "countdown, top <b>" },
      status: { state: "failed", step: 4, message: "out of memory" },
      lines: at(4),
    });
    await shows("countdown, all", "done");
    await shows("countdown, top <b>", "failed");
    const group = workbench
      .treeRows()
      .filter({ hasText: "copied-arms" })
      .first();
    expect(await group.innerText()).toContain("1 of 2 done");
  });

  test.each(THEMES)("reads in %s", async (name, theme) => {
    await workbench.run("Preferences: Color Theme");
    await workbench.type(theme);
    await workbench.pick(theme);
    await workbench.run("Forksight: Focus on Runs View");
    await workbench.until(
      async () =>
        (await workbench.page
          .locator(".monaco-workbench")
          .getAttribute("class"))!.includes(
          name === "contrast" ? "hc-black" : name === "dark" ? "vs-dark" : "vs",
        ),
      () => `the theme is not ${theme}`,
    );
    await row("own").hover();
    await workbench.page.locator(".monaco-hover:visible").first().waitFor();
    await workbench.screenshot(`test-results/runs-${name}.png`);
    await workbench.leaveHover();
  });

  test("a run at work is not deleted; one that is not, after a question that names its folder", async () => {
    const [own] = runFolders("own");
    await workbench.run("Forksight: Inspect with This Checkpoint...");
    await workbench.pick(/^own/u);
    await workbench.pick("Step 1");
    await workbench.statusMatches(/ \+ own step 1/u);
    await workbench.menuEntry(row("long"), "Stop Run");
    const menu = workbench.page.locator(".monaco-menu");
    expect(await menu.allInnerTexts()).toEqual([
      expect.not.stringContaining("Delete Run"),
    ]);
    await workbench.page.keyboard.press("Escape");
    await choose("own", "Delete Run");
    const asked = await answerDialog("Delete");
    expect(asked).toContain(own);
    expect(asked).toContain("goes back to the base model");
    // A server has no trash.
    await answerDialog("Delete Permanently");
    await workbench.until(
      async () => (await row("own").count()) === 0,
      () => "the deleted run is still listed",
    );
    expect(existsSync(own!)).toBe(false);
    await workbench.statusMatches(/^(?!.* \+ own)/u);
  });
});

function statusOf(folder: string): RunStatus {
  return JSON.parse(
    readFileSync(join(folder, "status.json"), "utf8"),
  ) as RunStatus;
}

/** SIGKILL, as an out-of-memory killer would. */
function killTrainer(folder: string): void {
  try {
    const { pid, state } = statusOf(folder);
    if (pid !== undefined && (state === "running" || state === "preparing"))
      process.kill(pid, "SIGKILL");
  } catch {
    // No run, or its process is gone.
  }
}
