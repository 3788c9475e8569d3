/** The launch panel and run files in the editor, in a real VS Code. */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { FrameLocator, Locator } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readRunFile } from "../../core/run/runFile";
import { root } from "../../scripts/steps.mjs";
import { saveImage } from "./harness/images";
import {
  obstacle,
  picturesOfFailures,
  Session,
  temporaryFolder,
} from "./harness/session";
import type { Workbench } from "./harness/workbench";

/** Markup, a terminal escape and a right-to-left override, in a prompt. */
const HOSTILE =
  "Make 8 from 3 and 5 with <b>bold</b> <img src=x onerror=alert(1)>\u001b[31m\u202eevil";

/** The same in a file's name. */
const HOSTILE_FILE = "<img src=x>\u202e.gguf";

const RUN_FILE = "runs/arm.forksight.yaml";

/** A run that is over in seconds. */
const SMALL = [
  ["rollout.promptsPerStep", "2"],
  ["rollout.groupSize", "2"],
  ["rollout.maxTokens", "32"],
  ["steps", "1"],
] as const;

/** Name of the pictures, label of the theme. */
const THEMES = [
  ["dark", "Dark Modern"],
  ["contrast", "Dark High Contrast"],
  ["light", "Light Modern"],
] as const;

const dataFile = (name: string, lines: number) =>
  readFileSync(join(root, "samples", "data", name), "utf8")
    .split("\n")
    .slice(0, lines);

describe.skipIf(obstacle() !== undefined)("the launch panel", () => {
  const workspace = temporaryFolder("launch");
  const complaints: string[] = [];
  let session: Session;
  let workbench: Workbench;
  let panel: FrameLocator;

  beforeAll(async () => {
    mkdirSync(join(workspace, "data"));
    const hostile = JSON.stringify({
      prompt: HOSTILE,
      numbers: [3, 5],
      target: 8,
    });
    writeFileSync(
      join(workspace, "data", "countdown-train.jsonl"),
      [hostile, ...dataFile("countdown-train.jsonl", 9)].join("\n"),
    );
    writeFileSync(
      join(workspace, "data", "countdown-test.jsonl"),
      dataFile("countdown-test.jsonl", 5).join("\n"),
    );
    writeFileSync(
      join(workspace, "data", "broken.jsonl"),
      `${dataFile("countdown-train.jsonl", 2).join("\n")}\n{"prompt": 3}\n`,
    );
    mkdirSync(join(workspace, "models"));
    writeFileSync(join(workspace, "models", HOSTILE_FILE), "no model");
    session = await Session.open({
      workspace,
      settings: {
        "forksight.modelFolders": [join(workspace, "models")],
        "workbench.colorTheme": "Default Dark Modern",
      },
      viewport: { width: 1200, height: 900 },
    });
    workbench = session.workbench;
    workbench.page.on("console", (message) => {
      const text = message.text();
      if (text.includes("Content Security Policy")) complaints.push(text);
    });
    await workbench.statusMatches(/model/iu);
    await workbench.run("Forksight: New Training Run");
    panel = workbench.page
      .frameLocator("iframe.webview.ready")
      .first()
      .frameLocator("iframe#active-frame");
    await panel.locator("#section-run").waitFor();
  });

  picturesOfFailures(() => session);

  afterAll(async () => {
    await session?.close();
    rmSync(workspace, { recursive: true });
  });

  const field = (name: string): Locator =>
    panel.locator(`[data-field="${name}"]`);
  const input = (name: string): Locator => field(name).locator("input").first();

  test("opens with defaults that can be launched", async () => {
    expect(await input("mask.rho").inputValue()).toBe("0.2");
    expect(await input("data.train").inputValue()).toBe(
      "data/countdown-train.jsonl",
    );
    expect(await input("data.eval").inputValue()).toBe("test");
    await field("data.train")
      .locator(".count", { hasText: "10 problems" })
      .waitFor();
    await panel
      .locator("#estimate dd", { hasText: /^About \d+ MB: weights/ })
      .waitFor();
    await panel
      .locator("#estimate dd", { hasText: "No earlier run of this model" })
      .waitFor();
    await isLaunchable(true);
  });

  test("shows prompts and names of files as text and never as markup", async () => {
    await field("model")
      .locator("vscode-option", { hasText: "<img src=x><U+202E>.gguf" })
      .waitFor({ state: "attached" });
    const prompt = field("data.train").locator(".samples td").first();
    expect(await prompt.innerText()).toContain(
      "<b>bold</b> <img src=x onerror=alert(1)>",
    );
    expect(await prompt.innerText()).toContain("<U+202E>evil");
    expect(await panel.locator("main img, main b").count()).toBe(0);
  });

  test("explains a setting to the eye and to assistive technology", async () => {
    await input("mask.rho").focus();
    await panel
      .locator("#help-text", { hasText: "top_entropy_quantile" })
      .waitFor();
    expect(await input("mask.rho").getAttribute("aria-description")).toContain(
      "Share of tokens at the top.",
    );
    await field("steps").hover();
    await panel.locator("#help-title", { hasText: "steps" }).waitFor();
    await input("mask.rho").hover();
    await panel.locator("#help-title", { hasText: /rho/iu }).waitFor();
    // The picture is for README, where the hostile prompt at the top would only puzzle.
    await workbench.page.mouse.wheel(0, 520);
    await input("mask.rho").hover();
    saveImage(await workbench.screenshot("test-results/launch-dark.png"));
  });

  test("refuses what does not hold beside its field, and links to it", async () => {
    await input("mask.rho").fill("1.5");
    await field("mask.rho")
      .locator(".problem", { hasText: "expected at most 1" })
      .waitFor();
    expect(await input("mask.rho").getAttribute("aria-invalid")).toBe("true");
    const optimizer = panel.locator("#section-optimizer > summary");
    await optimizer.click();
    await input("optimizer.beta1").fill("x");
    await optimizer.click();
    await panel.locator("#problems h2", { hasText: "2 settings" }).waitFor();
    await isLaunchable(false);
    await workbench.screenshot("test-results/launch-invalid.png");
    // Into a section that is folded.
    await panel.locator("#problems .link", { hasText: "Beta 1" }).click();
    await input("optimizer.beta1").fill("0.9");
    await input("mask.rho").fill("0.25");
    await isLaunchable(true);
  });

  test("names the bad lines of a data set", async () => {
    await input("data.train").fill("data/broken.jsonl");
    const data = field("data.train");
    await data.locator(".bad-lines li", { hasText: "line 3: " }).waitFor();
    await data
      .locator(".problem", { hasText: "1 line cannot be used" })
      .waitFor();
    await isLaunchable(false);
    await workbench.screenshot("test-results/launch-bad-line.png");
    await input("data.train").fill("data/countdown-train.jsonl");
    await isLaunchable(true);
  });

  test("keeps what was filled in over a reload of the window", async () => {
    await input("steps").fill("7");
    await workbench.run("Developer: Reload Window");
    await workbench.until(
      async () =>
        (await input("steps")
          .inputValue({ timeout: 1000 })
          .catch(() => "")) === "7",
      () => "the form has lost what was filled in",
    );
    await isLaunchable(true);
  });

  test("saves a run file that says what the form says", async () => {
    await panel.locator("#save").click();
    await workbench.answer(RUN_FILE);
    const path = join(workspace, RUN_FILE);
    await workbench.until(
      () => Promise.resolve(existsSync(path)),
      () => `${path} is not written`,
    );
    const text = readFileSync(path, "utf8");
    const read = readRunFile(text);
    if (!read.ok) throw new Error(JSON.stringify(read.errors));
    expect(read.settings).toMatchObject({
      steps: 7,
      mask: { kind: "top", rho: 0.25 },
      data: {
        train: "../data/countdown-train.jsonl",
        eval: { test: "../data/countdown-test.jsonl" },
      },
    });
    await workbench.activeTab("arm").waitFor();
    await panel.locator("#file", { hasText: "arm.forksight.yaml" }).waitFor();
  });

  test.each(THEMES)("reads in %s, wide and narrow", async (name, theme) => {
    const { page } = workbench;
    await workbench.run("Preferences: Color Theme");
    await workbench.type(theme);
    await workbench.pick(theme);
    const kind =
      name === "contrast" ? "vscode-high-contrast" : `vscode-${name}`;
    await panel.locator(`body.${kind}`).waitFor();
    await workbench.screenshot(`test-results/launch-${name}-wide.png`);
    const side = page.locator(".part.sidebar");
    if (await side.isVisible())
      await workbench.run("View: Toggle Primary Side Bar Visibility");
    await side.waitFor({ state: "hidden" });
    await page.setViewportSize({ width: 448, height: 900 });
    await field("mask.rho").scrollIntoViewIfNeeded();
    expect(await isWiderThanItsPage()).toBe(false);
    await workbench.screenshot(`test-results/launch-${name}-narrow.png`);
    await page.setViewportSize({ width: 1200, height: 900 });
  });

  test("a run file in the editor has lenses, completion and diagnostics", async () => {
    await workbench.openFile("arm.forksight.yaml");
    const lens = workbench.page.locator(".codelens-decoration");
    await lens.filter({ hasText: "Launch" }).first().waitFor();
    expect(await lens.first().innerText()).toMatch(
      /Launch.*Compare arms.*Open in form/su,
    );
    const text = readFileSync(join(workspace, RUN_FILE), "utf8");
    await workbench.moveTo(text, text.length);
    await workbench.focusEditor();
    await workbench.type("chec");
    const suggestion = workbench.page
      .locator(".suggest-widget.visible .monaco-list-row")
      .filter({ hasText: "checkpoints" });
    await suggestion.waitFor();
    await workbench.screenshot("test-results/launch-completion.png");
    await workbench.press("Enter");
    // The section's settings are offered at once, with its indentation.
    await workbench.page
      .locator(".suggest-widget.visible .monaco-list-row")
      .filter({ hasText: "keep" })
      .waitFor();
    await workbench.press("Escape");
    await workbench.type("kepp: 3");
    await workbench.page.locator(".squiggly-error").first().waitFor();
    const hover = await workbench.hoverOver("kepp");
    await workbench.until(
      async () => (await hover.innerText()).includes("Did you mean `keep`"),
      async () => `the hover says ${await hover.innerText()}`,
    );
    await workbench.screenshot("test-results/launch-diagnostic.png");
    await workbench.leaveHover();
    await workbench.press("Control+Period");
    await workbench.page
      .locator(".action-widget .monaco-list-row", {
        hasText: 'Change to "keep"',
      })
      .click();
    await workbench.showsText("keep: 3");
    await workbench.page
      .locator(".squiggly-error")
      .first()
      .waitFor({ state: "detached" });
    await workbench.press("Control+S");
    await workbench.until(
      () =>
        Promise.resolve(
          readFileSync(join(workspace, RUN_FILE), "utf8").includes("keep: 3"),
        ),
      () => "the mended run file is not saved",
    );
    await workbench.run("View: Close Editor");
    await workbench.page
      .locator(".tab", { hasText: "arm.forksight.yaml" })
      .waitFor({ state: "detached" });
  });

  test("a form that is closed before it is saved can be had again", async () => {
    const before = readFileSync(join(workspace, RUN_FILE), "utf8");
    await workbench.openFile("arm.forksight.yaml");
    await workbench.run("Forksight: Open in Form");
    await workbench.activeTab(/^\s*arm\s*$/u).waitFor();
    await input("steps").fill("77");
    await workbench.activeTab(/^\s*\u25cf arm\s*$/u).waitFor();
    await workbench.run("View: Close Editor");
    await workbench.showNotifications();
    await workbench.notification(/"arm" was closed/u).waitFor();
    await workbench
      .notification(/"arm" was closed/u)
      .getByText("Open Again", { exact: true })
      .click();
    await workbench.activeTab(/^\s*\u25cf arm\s*$/u).waitFor();
    await workbench.until(
      async () => (await input("steps").inputValue()) === "77",
      () => "the form has lost what was filled in",
    );
    await panel.locator("#save").click();
    await workbench.activeTab(/^\s*arm\s*$/u).waitFor();
    expect(readFileSync(join(workspace, RUN_FILE), "utf8")).toBe(
      before.replace(/^steps: \d+/mu, "steps: 77"),
    );
  });

  test("opens the run file in the form, and launches it from there", async () => {
    await workbench.openFile("arm.forksight.yaml");
    await workbench.press("Control+Home");
    await workbench.page
      .locator(".codelens-decoration a", { hasText: "Open in form" })
      .first()
      .click();
    await workbench.activeTab(/^\s*arm\s*$/u).waitFor();
    for (const [name, value] of SMALL) await input(name).fill(value);
    await isLaunchable(true);
    await panel.locator("#launch").click();
    const runs = join(workspace, ".forksight", "runs");
    const status = () => {
      const [folder] = existsSync(runs) ? readdirSync(runs) : [];
      const file = join(runs, folder ?? "none", "status.json");
      return existsSync(file) ? readFileSync(file, "utf8") : "";
    };
    await workbench.until(
      () => Promise.resolve(/"state": "(done|failed)"/u.test(status())),
      () => `the run has not ended: ${status()}`,
    );
    expect(status()).toContain('"state": "done"');
    expect(readFileSync(join(workspace, RUN_FILE), "utf8")).toContain(
      "promptsPerStep: 2 #",
    );
  });

  test("nothing ran into the security policy", () => {
    expect(
      complaints.filter((one) => !one.includes("frame-ancestors")),
    ).toEqual([]);
  });

  async function isLaunchable(expected: boolean): Promise<void> {
    const launch = panel.locator("#launch");
    await workbench.until(
      async () =>
        ((await launch.getAttribute("disabled")) === null) === expected,
      async () =>
        `Launch is ${expected ? "not enabled" : "enabled"}: ${await panel.locator("#problems").innerText()}`,
    );
  }

  async function isWiderThanItsPage(): Promise<boolean> {
    return panel
      .locator("body")
      .evaluate<boolean, unknown>(
        "document.documentElement.scrollWidth > document.documentElement.clientWidth",
      );
  }
});
