/** The dashboard in a real VS Code, on copies of two recorded runs: overlaid, live, kept over a reload, exported. */
import {
  appendFileSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Frame } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { formatted } from "../../core/panels/dashboardCharts";
import type { MetricsLine, RunStatus } from "../../core/run/folder";
import { root } from "../../scripts/steps.mjs";
import { csvRecords } from "./harness/csv";
import { saveImage } from "./harness/images";
import { answerFileDialog } from "./harness/fileDialog";
import {
  obstacle,
  picturesOfFailures,
  RESULTS_FOLDER,
  Session,
  temporaryFolder,
} from "./harness/session";
import type { Workbench } from "./harness/workbench";

/** Recorded with the pocket model on Countdown: 16 and 32 prompts a step. */
const RUNS = ["top20", "top20-wide"] as const;

const THEMES = [
  ["light", "Light Modern"],
  ["high-contrast-dark", "Dark High Contrast"],
  ["dark", "Dark Modern"],
] as const;

/** Milliseconds between two signs of life of the run that seems to train. */
const HEARTBEAT = 4000;

describe.skipIf(obstacle() !== undefined)("the dashboard", () => {
  const workspace = temporaryFolder("dashboard");
  const place = join(workspace, ".forksight", "runs");
  const live = join(place, "top20");
  const complaints: string[] = [];
  let session: Session;
  let workbench: Workbench;
  let heart: NodeJS.Timeout;

  picturesOfFailures(() => session);

  beforeAll(async () => {
    for (const name of RUNS)
      cpSync(join(root, "test/fixtures/dashboard", name), join(place, name), {
        recursive: true,
      });
    writeFileSync(join(workspace, "notes.txt"), "notes\n");
    beat();
    heart = setInterval(beat, HEARTBEAT);
    session = await Session.open({
      workspace,
      viewport: { width: 1440, height: 960 },
      settings: { "window.commandCenter": false },
    });
    workbench = session.workbench;
    workbench.page.on("console", (message) => {
      const text = message.text();
      if (text.includes("Content Security Policy")) complaints.push(text);
    });
    await workbench.statusMatches(/model/iu);
    await workbench.run("Forksight: Focus on Runs View");
  });

  afterAll(async () => {
    clearInterval(heart);
    await session?.close();
    rmSync(workspace, { recursive: true, force: true });
  });

  /** The first run goes on training, by its status. */
  function beat(): void {
    const now: RunStatus = {
      ...statusOf("top20"),
      state: "running",
      heartbeat: new Date().toISOString(),
      message: "sampling rollouts",
    };
    writeFileSync(join(live, "status.json"), JSON.stringify(now));
  }

  function statusOf(name: string): RunStatus {
    return JSON.parse(
      readFileSync(join(place, name, "status.json"), "utf8"),
    ) as RunStatus;
  }

  function linesOf(name: string): MetricsLine[] {
    return readFileSync(join(place, name, "metrics.jsonl"), "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as MetricsLine);
  }

  /** The page that has this element, once there is one. */
  async function pageWith(selector: string): Promise<Frame> {
    let found: Frame | undefined;
    await workbench.until(
      async () => {
        for (const frame of workbench.page.frames())
          if (await frame.$(selector).catch(() => null)) found = frame;
        return found !== undefined;
      },
      () => `no page has ${selector}`,
    );
    return found!;
  }

  const dashboard = () => pageWith("#charts");
  const sideView = () => pageWith("#sparks");

  /** Texts of the values under a chart. */
  async function valuesOf(chart: string): Promise<string[]> {
    const page = await dashboard();
    return page.locator(`[data-chart="${chart}"] .readout td`).allInnerTexts();
  }

  async function showsValues(chart: string, values: string[]): Promise<void> {
    await workbench.until(
      async () => (await valuesOf(chart)).join() === values.join(),
      async () =>
        `${chart} shows ${(await valuesOf(chart)).join()}, not ${values.join()}`,
    );
  }

  async function draws(count: number): Promise<void> {
    await workbench.until(
      async () =>
        (await (await dashboard()).locator("#runs li").count()) === count,
      () => `not ${count} runs are drawn`,
    );
  }

  /** Marks or unmarks a run in the panel's list. */
  async function toggleRun(name: string): Promise<void> {
    const page = await dashboard();
    await page.locator("#choose-runs").click();
    await page
      .locator("#run-choices .choice", { hasText: name })
      .first()
      .click();
    await page.locator("#run-filter").press("Escape");
  }

  function rewardsOf(name: string): string[] {
    const last = linesOf(name).at(-1)!;
    return [last.reward, last.reward_std, last.frac_reward_zero_std].map(
      (value) => formatted(value!, "plain"),
    );
  }

  test("draws a run that is chosen in the palette, with its latest values", async () => {
    await workbench.run("Forksight: Open Dashboard");
    const row = workbench.page.locator(".quick-input-list .monaco-list-row", {
      hasText: /countdown-top20(?!-)/u,
    });
    await row.first().click();
    await workbench.press("Enter");
    await draws(1);
    await showsValues("reward", rewardsOf("top20"));
    const page = await dashboard();
    const described = await page
      .locator('[data-chart="reward"] canvas[role="img"]')
      .getAttribute("aria-label");
    expect(described).toContain(`mean: ${rewardsOf("top20")[0]} at step`);
    expect(await page.locator("#runs").innerText()).toContain("running");
  });

  test("the side bar shows the run that trains", async () => {
    const page = await sideView();
    await page.locator("#run").waitFor();
    expect(await page.locator("#name").innerText()).toBe("countdown-top20");
    const [reward] = await page.locator("#sparks b").allInnerTexts();
    expect(reward).toBe(rewardsOf("top20")[0]);
    const { step, steps } = statusOf("top20");
    const progress = page.locator("#progress");
    expect(await progress.getAttribute("value")).toBe(String(step));
    expect(await progress.getAttribute("max")).toBe(String(steps));
    expect(await page.locator("#message").innerText()).toBe(
      "sampling rollouts",
    );
    const points = await page
      .locator("#sparks polyline")
      .first()
      .getAttribute("points");
    // The line of the evaluation before the first step has no reward.
    expect(points?.split(" ")).toHaveLength(linesOf("top20").length - 1);
    expect(await page.locator("#stop").getAttribute("disabled")).toBeNull();
  });

  test("draws a second one over it, told apart by colour and by dash, and compares their settings", async () => {
    await toggleRun("countdown-top20-wide");
    await draws(2);
    await showsValues("reward", [
      ...rewardsOf("top20"),
      ...rewardsOf("top20-wide"),
    ]);
    const page = await dashboard();
    const lines = page.locator("#runs .swatch line");
    for (const attribute of ["stroke", "stroke-dasharray"]) {
      const [one, other] = await Promise.all(
        [0, 1].map((at) => lines.nth(at).getAttribute(attribute)),
      );
      expect(one).not.toBe(other);
    }
    await page.locator("#settings-summary").click();
    const table = await page.locator("#settings-table").innerText();
    expect(table).toMatch(/rollout\.promptsPerStep\s+16\s+32/u);
    await page.locator("#settings-summary").click();
  });

  test("shows a new step as soon as it is written", async () => {
    const last = linesOf("top20").at(-1)!;
    const next = { ...last, step: last.step + 1, reward: 0.4321 };
    appendFileSync(join(live, "metrics.jsonl"), `${JSON.stringify(next)}\n`);
    await workbench.until(
      async () => (await valuesOf("reward"))[0] === "0.4321",
      async () => `the reward is ${(await valuesOf("reward"))[0]}`,
      20_000,
    );
  });

  test("a folder that holds no run says so, and harms no other", async () => {
    const broken = join(place, "broken");
    mkdirSync(broken);
    writeFileSync(join(broken, "run.json"), "{");
    await toggleRun("broken");
    await draws(3);
    const page = await dashboard();
    const line = page.locator('#runs li[data-state="unreadable"]');
    expect(await line.innerText()).toContain("unreadable");
    expect(await line.locator(".run-message").innerText()).toContain("JSON");
    expect(await valuesOf("reward")).toHaveLength(6);
    await line.locator(".remove").click();
    await draws(2);
    rmSync(broken, { recursive: true });
  });

  test("the cursor is one for all charts", async () => {
    const page = await dashboard();
    const canvas = page.locator('[data-chart="reward"] canvas[role="img"]');
    await canvas.focus();
    const last = linesOf("top20").at(-1)!.step;
    await workbench.press("ArrowLeft");
    const before = linesOf("top20").find(({ step }) => step === last - 1)!;
    await workbench.until(
      async () =>
        (await valuesOf("reward"))[0] === formatted(before.reward!, "plain"),
      async () => `the reward is ${(await valuesOf("reward"))[0]}`,
    );
    expect((await valuesOf("length"))[0]).toBe(
      formatted(before["completions/mean_length"]!, "count"),
    );
    await workbench.press("Escape");
  });

  test.each(THEMES)("reads in %s", async (name, theme) => {
    await workbench.run("Preferences: Color Theme");
    await workbench.filterAndPick(theme);
    for (const view of ["Forks", "Entropy"]) await fold(view);
    await workbench.focusEditor();
    const page = await dashboard();
    const kind =
      name === "high-contrast-dark" ? "vscode-high-contrast" : `vscode-${name}`;
    await page.locator(`body.${kind}`).waitFor();
    await workbench.page.mouse.move(5, 5);
    saveImage(await workbench.screenshot(`test-results/dashboard-${name}.png`));
  });

  /** Folds a view of the side bar, so that the views of the runs have its room. */
  async function fold(view: string): Promise<void> {
    const header = workbench.page.locator(
      `.part.sidebar .pane-header[aria-label^="${view}"]`,
    );
    if ((await header.getAttribute("aria-expanded")) === "true")
      await header.click();
  }

  test("keeps what was chosen while it is hidden, and over a reload of the window", async () => {
    const page = await dashboard();
    await page.locator("#smoothing").fill("0.9");
    await page.locator('[data-chart="loss"] header button').last().click();
    await workbench.openFile("notes.txt");
    await workbench.until(
      () => Promise.resolve(page.isDetached()),
      () => "the hidden page is still there",
    );
    await workbench.run("View: Open Previous Editor in Group");
    await isAsItWas();
    const shown = await dashboard();
    await workbench.run("Developer: Reload Window");
    await workbench.until(
      () => Promise.resolve(shown.isDetached()),
      () => "the window does not reload",
    );
    await workbench.shown();
    await isAsItWas();
  });

  async function isAsItWas(): Promise<void> {
    await draws(2);
    const page = await dashboard();
    // Where the page was scrolled to: a chart out of view is not drawn.
    await page.locator(".readout td").first().waitFor();
    expect(await page.locator("#smoothing").inputValue()).toBe("0.9");
    expect(await page.locator('[data-chart="loss"]').count()).toBe(0);
  }

  /** Chooses an export and answers where to. */
  async function exported(choice: string, name: string): Promise<string> {
    const file = join(workspace, name);
    const page = await dashboard();
    await page.locator("#exports").click();
    await page.locator(choice).click();
    await answerFileDialog(workbench, file);
    await workbench.until(
      () => Promise.resolve(existsSync(file) && readFileSync(file).length > 0),
      () => `${name} is not written`,
    );
    return file;
  }

  test("exports the numbers as shown, all numbers, and a picture", async () => {
    const all = csvRecords(await exported("#save-all-csv", "all.csv"));
    const lines = linesOf("top20");
    const wide = linesOf("top20-wide");
    expect(all.length).toBe(lines.length + wide.length);
    expect(all.map((row) => row["reward"])).toEqual(
      [...lines, ...wide].map(({ reward }) => String(reward ?? "")),
    );
    expect(all.at(-1)!["entropy/percentiles[20]"]).toBe(
      String(wide.at(-1)!["entropy/percentiles"]![20]),
    );
    const shown = csvRecords(await exported("#save-csv", "shown.csv"));
    expect(shown.map((row) => row["grad_norm"])).toEqual(
      all.map((row) => row["grad_norm"]),
    );
    expect(Object.keys(shown[0]!)).toContain("reward (smoothed 0.90)");
    expect(Object.keys(shown[0]!)).not.toContain("loss");
    const png = readFileSync(await exported("#save-png", "charts.png"));
    expect(png.subarray(0, 8).toString("latin1")).toBe("\x89PNG\r\n\x1a\n");
    // Charts beside each other, and more than an empty page.
    expect(png.readUInt32BE(16)).toBeGreaterThan(800);
    expect(png.length).toBeGreaterThan(50_000);
    copyFileSync(
      join(workspace, "charts.png"),
      join(RESULTS_FOLDER, "dashboard-exported.png"),
    );
  });

  test("the side bar's button asks the trainer to stop, which both pages tell", async () => {
    const page = await sideView();
    await page.locator("#stop").click();
    await workbench.until(
      () => Promise.resolve(existsSync(join(live, "stop"))),
      () => "the trainer was not asked to stop",
    );
    const state = page.locator("#state", { hasText: "stopping" });
    await state.waitFor();
    const line = (await dashboard()).locator("#runs li").first();
    await line.locator(".run-state", { hasText: "stopping" }).waitFor();
    expect(await line.locator("button", { hasText: "Stop" }).isDisabled()).toBe(
      true,
    );
  });

  test("has room in 400 pixels", async () => {
    await workbench.run("View: Close Primary Side Bar");
    await workbench.page.setViewportSize({ width: 460, height: 960 });
    const page = await dashboard();
    await workbench.until(
      async () => (await page.evaluate<number>("innerWidth")) < 430,
      () => "the page is not narrow",
    );
    const overflow = await page.evaluate(
      "document.documentElement.scrollWidth - innerWidth",
    );
    expect(overflow).toBeLessThanOrEqual(0);
    await workbench.screenshot("test-results/dashboard-narrow.png");
  });

  test("nothing ran into the security policy", () => {
    expect(
      complaints.filter((one) => !one.includes("frame-ancestors")),
    ).toEqual([]);
  });
});
