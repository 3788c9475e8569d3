/** The launch panel and run files in the editor, in a real VS Code. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { FrameLocator, Locator } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { root } from "../../scripts/steps.mjs";
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
    session = await Session.open({
      workspace,
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
    await workbench.screenshot("test-results/launch-first.png");
    expect(await input("mask.rho").inputValue()).toBe("0.2");
    expect(await input("data.train").inputValue()).toBe(
      join(workspace, "data", "countdown-train.jsonl"),
    );
    await field("data.train")
      .locator(".count", { hasText: "10 problems" })
      .waitFor();
  });
});
