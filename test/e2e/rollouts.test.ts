/** Rollouts of a small real run: the panel, the recorded tokens, re-scoring, a checkpoint, and two models compared. */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { FrameLocator, Locator } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { AnnotationJson } from "../../core/annotation/annotationJson";
import type { RolloutWithTokens } from "../../core/rollouts/recordedTrace";
import { traceDocument } from "../../core/traces/document";
import { parseRecord } from "../../core/traces/record";
import { annotateByCli, offsetsOf, topTokens } from "./harness/expected";
import { saveImage } from "./harness/images";
import {
  obstacle,
  picturesOfFailures,
  Session,
  temporaryFolder,
} from "./harness/session";
import { trainSmallRun } from "./harness/smallRun";
import type { Workbench } from "./harness/workbench";

const STEPS = 3;
/** The first step with a group of mixed rewards decides which rollouts are looked at. */
const STEP = 1;

/** Name of the picture and label of the theme. */
const THEMES = [
  ["contrast", "Dark High Contrast"],
  ["light", "Light Modern"],
  ["dark", "Dark Modern"],
] as const;

describe.skipIf(obstacle() !== undefined)("rollouts", () => {
  const workspace = temporaryFolder("rollouts");
  const run = join(workspace, ".forksight", "runs", "small");
  const complaints: string[] = [];
  let session: Session;
  let workbench: Workbench;
  let panel: FrameLocator;
  let rollouts: RolloutWithTokens[];
  /** The rollout that is opened, from 1, and its document. */
  let index: number;
  let text: string;
  let responseStart: number;

  picturesOfFailures(() => session);

  beforeAll(async () => {
    trainSmallRun(run, STEPS);
    rollouts = readFileSync(join(run, "rollouts", `step-${STEP}.jsonl`), "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as RolloutWithTokens);
    index = 1 + rollouts.findIndex(isPlain);
    const parsed = parseRecord(rollouts[index - 1], {
      index,
      line: index,
      offset: 0,
    });
    if (parsed.kind === "error") throw new Error(parsed.message);
    const document = traceDocument(parsed.record, `step-${STEP}.jsonl`);
    ({ text, responseStart } = document);
    session = await Session.open({ workspace });
    workbench = session.workbench;
    workbench.page.on("console", (message) => {
      const said = message.text();
      if (said.includes("Content Security Policy")) complaints.push(said);
    });
    await workbench.statusMatches(/model/iu);
    // The views in the side bar are web views too, and after a reload they may come first.
    panel = workbench.page
      .frameLocator('iframe.webview:not([src*="purpose=webviewView"])')
      .first()
      .frameLocator("iframe#active-frame");
  });

  afterAll(async () => {
    await session?.close();
    rmSync(workspace, { recursive: true });
  });

  const rows = (): Locator => panel.locator("#rows tr");
  const cells = (name: string): Locator => panel.locator(`#rows td.${name}`);
  const openedRollout = (): RolloutWithTokens => rollouts[index - 1]!;

  async function shows(locator: Locator, expected: string): Promise<void> {
    const found = async () => (await locator.allInnerTexts()).join("|").trim();
    await workbench.until(
      async () => (await found()) === expected,
      async () => `the panel shows "${await found()}", not "${expected}"`,
    );
  }

  /** Waits until exactly these offsets of the response are decorated. */
  async function decorated(offsets: readonly number[]): Promise<void> {
    const wanted = offsets.map((offset) => responseStart + offset).join();
    await workbench.editorWhere(
      text,
      (view) => view.decoratedOffsets().join() === wanted,
      (view) =>
        `decorated is ${JSON.stringify(view?.decoratedRanges().map((one) => one.text))}`,
    );
  }

  test("open from the palette at the newest step, and the slider goes to another", async () => {
    await workbench.run("Forksight: Open Rollouts...");
    await workbench.pick(/countdown-top20/u);
    await shows(panel.locator("#step"), `step ${STEPS} of ${STEPS}`);
    await panel.locator("#slider").focus();
    for (let step = STEPS; step > STEP; step--)
      await workbench.press("ArrowLeft");
    await shows(panel.locator("#step"), `step ${STEP} of ${STEPS}`);
    await shows(
      cells("reward"),
      rollouts.map(({ reward }) => String(reward)).join("|"),
    );
    await shows(
      cells("length"),
      rollouts.map(({ tokens }) => String(tokens.ids.length)).join("|"),
    );
  });

  test("are filtered and sorted", async () => {
    await panel.locator("#text input").fill("make");
    await shows(panel.locator("#count"), `${rollouts.length} rollouts`);
    const group = rollouts.filter((one) => one.group === 1);
    await panel.locator("#group input").fill("1");
    await shows(
      panel.locator("#count"),
      `${group.length} of ${rollouts.length} rollouts`,
    );
    await panel.locator("#reward input").fill("much");
    await shows(
      panel.locator("#hint"),
      "Write a number such as 1, or a comparison such as > 0.5.",
    );
    await panel.locator("#reward input").fill("");
    await panel.locator("#group input").fill("");
    await panel.locator("th.length button").click();
    await panel.locator("th.length button").click();
    await shows(
      cells("length"),
      rollouts
        .map(({ tokens }) => tokens.ids.length)
        .sort((a, b) => b - a)
        .join("|"),
    );
    await panel.locator("th.group button").click();
    await shows(
      cells("length"),
      rollouts.map(({ tokens }) => tokens.ids.length).join("|"),
    );
  });

  async function useTheme(name: string, theme: string): Promise<void> {
    await workbench.run("Preferences: Color Theme");
    await workbench.type(theme);
    await workbench.pick(theme);
    const kind =
      name === "contrast" ? "vscode-high-contrast" : `vscode-${name}`;
    await panel.locator(`body.${kind}`).waitFor();
  }

  test.each(THEMES)("read in %s", async (name, theme) => {
    await useTheme(name, theme);
    await workbench.screenshot(`test-results/rollouts-${name}.png`);
  });

  async function openByEnter(): Promise<void> {
    await rows()
      .nth(index - 1)
      .focus();
    await workbench.press("Enter");
    await workbench
      .activeTab(`Record ${index} of step-${STEP}.jsonl`)
      .waitFor();
  }

  test("Enter opens one with the tokens marked that the trainer kept", async () => {
    await openByEnter();
    const { tokens, completion } = openedRollout();
    const kept = annotateByCli(completion).filter(
      (_, i) => tokens.kept[i] === 1,
    );
    await decorated(offsetsOf(completion, kept));
    await workbench.statusMatches(
      new RegExp(`${kept.length} kept tokens?, recorded in step ${STEP}`, "u"),
    );
    await workbench.screenshot("test-results/rollouts-recorded.png");
  });

  test("a click opens another, which the side bar tells of while the focus stays in the table", async () => {
    await workbench.run("Forksight: Focus on Forks View");
    const forks = workbench.page
      .locator(".part.sidebar .pane")
      .filter({ has: workbench.page.locator('[aria-label^="Forks"]') })
      .first();
    const listed = async () =>
      (await forks.locator(".pane-header .description").innerText()).trim();
    const before = await listed();
    await rows()
      .nth(index % 2)
      .click();
    await workbench.until(
      async () => (await listed()) !== before,
      async () => `the view Forks still says "${await listed()}"`,
    );
    await openByEnter();
  });

  test("the hover shows what was recorded", async () => {
    const { tokens, completion, reward, advantage } = openedRollout();
    const at = annotateByCli(completion).findIndex(
      ({ text: token }, i) =>
        tokens.kept[i] === 1 && /^ ?[A-Za-z]+$/u.test(token),
    );
    const token = annotateByCli(completion)[at]!;
    let hover = "";
    await workbench.until(
      async () => {
        const view = await workbench.editor(text);
        hover = await workbench.hoverText(view, responseStart + token.end - 1);
        return hover.includes(`id ${tokens.ids[at]}`);
      },
      () => `the hover says ${hover}`,
    );
    expect(hover).toContain("Kept token");
    expect(hover).toContain(
      `recorded entropy ${tokens.entropy[at]!.toFixed(3)} nats`,
    );
    expect(hover).toContain(`reward ${reward}`);
    expect(hover).toContain(
      `advantage ${String(Number(advantage.toFixed(3)))}`,
    );
    await workbench.leaveHover();
  });

  test("re-scoring shows the model's forks, and the recorded ones come back", async () => {
    const { completion } = openedRollout();
    await workbench.run("Forksight: Re-score with Model or Checkpoint...");
    await workbench.pick("Base model");
    await workbench.statusMatches(/\d+ forks?$|\d+ forks? /u);
    await workbench.run("Forksight: Show Recorded Entropies");
    const kept = annotateByCli(completion).filter(
      (_, i) => openedRollout().tokens.kept[i] === 1,
    );
    await decorated(offsetsOf(completion, kept));
  });

  test("Inspect with This Checkpoint changes the entropies, and the base brings them back", async () => {
    /** The entropies, once they are those by an adapter, or by none. */
    const entropiesBy = async (adapter: string | undefined) => {
      let copied: AnnotationJson | undefined;
      await workbench.until(
        async () => {
          await workbench.run("Forksight: Copy Annotation as JSON");
          copied = JSON.parse(await workbench.clipboard()) as AnnotationJson;
          return copied.settings.adapterPath === adapter;
        },
        () => `scored by ${copied?.settings.adapterPath}, not ${adapter}`,
      );
      return copied?.tokens.map(({ entropy }) => entropy);
    };
    await workbench.run("Forksight: Annotate");
    await workbench.statusMatches(/\d+ forks/u);
    const base = await entropiesBy(undefined);
    await workbench.run("Forksight: Inspect with This Checkpoint...");
    await workbench.pick(/countdown-top20/u);
    await workbench.pick(`Step ${STEPS}`);
    await workbench.statusMatches(
      new RegExp(`\\d+ forks by small step ${STEPS}`, "u"),
    );
    const adapter = join(run, "checkpoints", `step-${STEPS}`, "adapter.gguf");
    expect(await entropiesBy(adapter)).not.toEqual(base);
    await workbench.run("Forksight: Inspect with Base Model");
    expect(await entropiesBy(undefined)).toEqual(base);
  });

  test("Compare Models marks forks gained, lost and kept, and lists the largest changes", async () => {
    await workbench.run("Forksight: Compare Models...");
    await workbench.pick("Pocket model");
    await workbench.page
      .locator(".quick-input-title", { hasText: "2 of 2" })
      .waitFor();
    await workbench.pick(`Pocket model + small step ${STEPS}`);
    const view = workbench.page
      .locator(".part.sidebar .pane")
      .filter({ hasText: "Comparison" });
    await view.locator(".monaco-list-row").first().waitFor();
    const said = await view.innerText();
    expect(said).toMatch(/overlap \d+\.\d %: \d+ kept, \d+ gained, \d+ lost/u);
    const [, kept = "", gained = "", lost = ""] =
      /(\d+) kept, (\d+) gained, (\d+) lost/u.exec(said) ?? [];
    const forks = topTokens(annotateByCli(openedRollout().completion), 0.2);
    // With the prompt in front, the first token has an entropy too.
    expect(Math.abs(Number(kept) + Number(lost) - forks.length)).toBeLessThan(
      2,
    );
    expect(gained).toBe(lost);
    expect(Number(gained)).toBeGreaterThan(0);
    for (const [name, theme] of THEMES) {
      await useTheme(name, theme);
      const picture = `test-results/compare-${name}.png`;
      const file = await workbench.screenshot(picture);
      if (name === "dark") saveImage(file);
    }
    await view.locator(".monaco-list-row").first().click();
    await workbench.until(
      async () => /selected/u.test(await workbench.cursorLabel()),
      async () => `the cursor is at ${await workbench.cursorLabel()}`,
    );
    await workbench.run("Forksight: Close Comparison");
    await view.waitFor({ state: "hidden" });
  });

  test("the newest step is followed, bad lines are named, and what a rollout holds stays text", async () => {
    await panel.locator("#follow").click();
    await shows(panel.locator("#step"), `step ${STEPS} of ${STEPS}`);
    await panel.locator("#text input").fill("");
    const evil = evilRollout(STEPS + 1);
    writeFileSync(
      join(run, "rollouts", `step-${STEPS + 1}.jsonl`),
      `${JSON.stringify(evil)}\n{ "step": 4, "torn\n`,
    );
    await shows(panel.locator("#step"), `step ${STEPS + 1} of ${STEPS + 1}`);
    await shows(cells("prompt"), "<b>Make</b> <U+202E>24<script>x</script>");
    await shows(
      panel.locator("#bad-summary"),
      "1 line of this step cannot be read",
    );
    await panel.locator("#bad-summary").click();
    expect(await panel.locator("#bad-lines").innerText()).toContain("line 2:");
    expect(await panel.locator("#rows b, #rows script").count()).toBe(0);
    await workbench.screenshot("test-results/rollouts-evil.png");
    await rows().first().focus();
    await workbench.press("Enter");
    await workbench.activeTab(`Record 1 of step-${STEPS + 1}.jsonl`).waitFor();
    await workbench.statusMatches(/kept tokens?, recorded in step 4/u);
    const hover = await workbench.hoverOver("img src");
    expect(await hover.innerText()).toContain("Kept token");
    expect(await hover.locator("img, a[href^='command']").count()).toBe(0);
    await workbench.leaveHover();
  });

  test("the panel is there again after a reload, and opens what it did", async () => {
    // The window's own command: a page that is reloaded from outside has no time to keep the panel's state.
    await workbench.page.evaluate("globalThis.isBeforeReload = true");
    await workbench.run("Developer: Reload Window");
    await workbench.until(
      async () =>
        !(await workbench.page
          .evaluate<boolean>("globalThis.isBeforeReload === true")
          .catch(() => true)),
      () => "the window does not reload",
    );
    await workbench.shown();
    await shows(panel.locator("#step"), `step ${STEPS + 1} of ${STEPS + 1}`);
    await rows().first().focus();
    await workbench.press("Enter");
    await workbench.statusMatches(/kept tokens?, recorded in step 4/u);
  });

  test("nothing ran into the security policy", () => {
    expect(
      complaints.filter((one) => !one.includes("frame-ancestors")),
    ).toEqual([]);
  });
});

/** A rollout full of what must stay text, its tokens the pocket model's own. All are kept. */
function evilRollout(step: number): RolloutWithTokens {
  const completion =
    "<img src=x onerror=alert(1)> [run](command:workbench.action.quit) \u202e `$(zap)` \u001b[31m</think>";
  const tokens = annotateByCli(completion);
  return {
    step,
    group: 0,
    prompt: "<b>Make</b> \u202e24<script>x</script>",
    completion,
    reward: 1,
    advantage: 1,
    clipped: false,
    tokens: {
      ids: tokens.map(({ id }) => id),
      entropy: tokens.map(() => 1),
      kept: tokens.map(() => 1),
    },
  };
}

/** Whether the text alone gives the tokens that were sampled, so that the command line knows their places. */
function isPlain({ completion, tokens }: RolloutWithTokens): boolean {
  const ids = annotateByCli(completion).map(({ id }) => id);
  return ids.join() === tokens.ids.slice(0, ids.length).join();
}
