/** The view "Entropy" in a real VS Code: the figures, the cut, going to a token, and the page's security policy. */
import { spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { FrameLocator } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TraceSummary } from "../../core/annotation/statistics";
import { POCKET_MODEL } from "../../scripts/sample.mjs";
import { root } from "../../scripts/steps.mjs";
import { obstacle, Session, temporaryFolder } from "./harness/session";
import type { Workbench } from "./harness/workbench";

const TEXT = `We need 24 from 3, 8, 8. So 8 / 8 is 1, and 3 times 8 is 24.

Wait, that uses 8 twice: 3 * 8 = 24, and then 24 * 1 is 24 as well. So <b>24</b> it is.
`;

/** Name of the picture, label of the theme, and what it makes of `forksight.entropy.fork` (package.json). */
const THEMES = [
  ["dark", "Dark Modern", "rgb(255, 180, 84)"],
  ["light", "Light Modern", "rgb(168, 67, 0)"],
  ["contrast", "Dark High Contrast", "rgb(255, 210, 77)"],
] as const;

describe.skipIf(obstacle() !== undefined)("the view Entropy", () => {
  const workspace = temporaryFolder("statistics");
  const complaints: string[] = [];
  let session: Session;
  let workbench: Workbench;
  let view: FrameLocator;

  beforeAll(async () => {
    writeFileSync(join(workspace, "trace.txt"), TEXT);
    session = await Session.open({
      workspace,
      settings: { "editor.wordWrap": "on" },
      open: [join(workspace, "trace.txt")],
    });
    workbench = session.workbench;
    workbench.page.on("console", (message) => {
      const text = message.text();
      if (text.includes("Content Security Policy")) complaints.push(text);
    });
    await workbench.activeTab("trace.txt").waitFor();
    // Once the extension runs, the editor has long taken the focus, which would close the palette.
    await workbench.statusMatches(/model/iu);
    await workbench.run("Forksight: Focus on Entropy View");
    view = workbench.page
      .frameLocator("iframe.webview")
      // The view "Training" above it is a web view too.
      .last()
      .frameLocator("iframe#active-frame");
  });

  afterAll(async () => {
    await session?.close();
    rmSync(workspace, { recursive: true });
  });

  /** Waits until a figure of the table has a value. */
  async function showsFigure(name: string, value: string): Promise<void> {
    const row = view.locator("#figures tr").filter({ hasText: name });
    await workbench.until(
      async () => (await row.locator("td").allInnerTexts()).join() === value,
      async () =>
        `${name} is "${(await row.locator("td").allInnerTexts()).join()}", not "${value}"`,
    );
  }

  test("offers to annotate, and then shows the command line's figures", async () => {
    const expected = summaryByCli(join(workspace, "trace.txt"));
    await view.locator("#annotate").click();
    await showsFigure("Tokens", String(expected.tokens));
    const share = (100 * expected.cut.forks) / expected.scoredTokens;
    await showsFigure("Forks", `${expected.cut.forks} (${share.toFixed(1)} %)`);
    await showsFigure(
      "Cut",
      `top 20 %, H \u2265 ${expected.cut.threshold?.toFixed(3)}`,
    );
    await showsFigure(
      "Mean entropy",
      `${expected.meanEntropy?.toFixed(3)} nats`,
    );
    const described = await view.locator("#chart").getAttribute("aria-label");
    expect(described).toContain(
      `Histogram of ${expected.scoredTokens} token entropies`,
    );
  });

  test("lists the tokens by mean entropy, as text and never as markup", async () => {
    const { topTokens } = summaryByCli(join(workspace, "trace.txt"));
    const rows = await view.locator("#top .token-mean").allInnerTexts();
    expect(rows).toEqual(topTokens.map((one) => one.meanEntropy.toFixed(3)));
    expect(await view.locator("#trace b").count()).toBe(0);
  });

  test("a token's button goes to its next place", async () => {
    await workbench.moveTo(TEXT, 0);
    const { topTokens } = summaryByCli(join(workspace, "trace.txt"));
    const at = topTokens.findIndex((one) => /^\w+$/.test(one.text));
    const token = topTokens[at];
    if (token === undefined) throw new Error("no token of the list is a word");
    await view.locator("#top .token").nth(at).click();
    await workbench.until(
      async () =>
        (
          await workbench.page
            .locator("#status\\.editor\\.selection")
            .innerText()
        ).includes(`(${token.text.length} selected)`),
      () => `${token.text} is not selected`,
    );
    const end = await workbench.cursorOffset(TEXT);
    expect(TEXT.slice(end - token.text.length, end)).toBe(token.text);
  });

  test("Set Cut changes the figures", async () => {
    await view.locator("#set-cut").click();
    await workbench.pick("top 10%");
    const { scoredTokens } = summaryByCli(join(workspace, "trace.txt"));
    const forks = Math.ceil(scoredTokens / 10);
    const share = ((100 * forks) / scoredTokens).toFixed(1);
    await showsFigure("Forks", `${forks} (${share} %)`);
  });

  test("an edit is said to have made the figures old, until they are new", async () => {
    session.changeSettings({ "forksight.reannotateDelay": -1 });
    await workbench.moveTo(TEXT, TEXT.length);
    await workbench.focusEditor();
    await workbench.type("So 24.");
    await view.locator("#stale", { hasText: "Edited since" }).waitFor();
    await workbench.run("Forksight: Annotate");
    await view.locator("#stale", { hasText: /^$/ }).waitFor();
  });

  test.each(THEMES)("reads in %s", async (name, theme, forkColour) => {
    const kind =
      name === "contrast" ? "vscode-high-contrast" : `vscode-${name}`;
    await workbench.run("Preferences: Color Theme");
    await workbench.type(theme);
    await workbench.pick(theme);
    await view.locator(`body.${kind}`).waitFor();
    const colour = () =>
      view
        .locator("body")
        .evaluate<string, unknown>(
          "getComputedStyle(document.querySelector('.token-bar-fill')).backgroundColor",
        );
    await workbench.until(
      async () => (await colour()) === forkColour,
      async () => `the bars are ${await colour()}, not ${forkColour}`,
    );
    await view.locator("#chart").scrollIntoViewIfNeeded();
    await workbench.screenshot(`test-results/entropy-${name}.png`);
  });

  test("nothing ran into the security policy", () => {
    expect(
      complaints.filter((one) => !one.includes("frame-ancestors")),
    ).toEqual([]);
  });
});

function summaryByCli(file: string): TraceSummary {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [
      join(root, "dist", "cli.mjs"),
      ...["annotate", file, "--model", POCKET_MODEL, "--format", "json"],
    ],
    { encoding: "utf8", maxBuffer: 1 << 28 },
  );
  if (status !== 0) throw new Error(`the CLI failed: ${stderr}`);
  return (JSON.parse(stdout) as { summary: TraceSummary }).summary;
}
