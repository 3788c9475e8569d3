/** Rollouts in a JSONL file, record by record, in a real VS Code; what a record says is text, never markup. */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  Session,
  obstacle,
  picturesOfFailures,
  temporaryFolder,
} from "./harness/session";
import type { Workbench } from "./harness/workbench";

/** Text that would do something if anything rendered it. */
const HOSTILE =
  "**bold** <img src=x onerror=alert(1)> [run](command:workbench.action.quit) $(trash) `code` \u001b[31mred";

const RECORDS = [
  { prompt: "Make 10 from 4 and 6.", completion: "4 + 6 = 10.", reward: 1 },
  {
    prompt: "Make 24 from 3 and 8.",
    completion: `First, 3 * 8 = 24. ${HOSTILE}`,
    reward: 0.5,
  },
  {
    messages: [
      { role: "user", content: "Make 9 from 3 and 3." },
      { role: "assistant", content: "<think>\nSo 3 * 3 = 9.\n</think>\n\n9" },
    ],
  },
];

describe.skipIf(obstacle() !== undefined)("a JSONL file of rollouts", () => {
  let workspace: string;
  let session: Session;
  let workbench: Workbench;

  picturesOfFailures(() => session);

  beforeAll(async () => {
    workspace = temporaryFolder("records");
    const [first, second, third] = RECORDS.map((one) => JSON.stringify(one));
    writeFileSync(
      join(workspace, "rollouts.jsonl"),
      [first, second, '{"prompt": "torn', third, ""].join("\n"),
    );
    session = await Session.open({
      workspace,
      settings: { "editor.wordWrap": "on" },
    });
    workbench = session.workbench;
    await workbench.openFile("rollouts.jsonl");
  });

  afterAll(async () => {
    await session?.close();
    rmSync(workspace, { recursive: true });
  });

  test("the record at the cursor opens as a trace with its reward", async () => {
    await workbench.run("Forksight: Open Record...");
    await workbench.activeTab(/Record 1 of rollouts\.jsonl/u).waitFor();
    await workbench.showsText("4 + 6 = 10.");
    await workbench.showsText(/reward.*1/iu);
  });

  test("a record is annotated: its response, not its prompt", async () => {
    await workbench.run("Forksight: Annotate");
    await workbench.until(
      async () => (await workbench.decoratedTexts()).length > 0,
      () => "nothing is coloured",
    );
    const coloured = (await workbench.decoratedTexts()).join("");
    expect(coloured).not.toContain("Make");
    await workbench.screenshot("test-results/record.png");
  });

  test("Next Record goes on; what stands in it is shown as it is", async () => {
    await workbench.run("Forksight: Next Record");
    await workbench.activeTab(/Record 2 of rollouts\.jsonl/u).waitFor();
    await workbench.showsText("<img src=x onerror=alert(1)>");
    await workbench.showsText("[run](command:workbench.action.quit)");
    await workbench.showsText("$(trash)");
  });

  test("a hover over hostile text runs and renders nothing", async () => {
    await workbench.run("Forksight: Annotate");
    await workbench.until(
      async () => (await workbench.decoratedTexts()).length > 0,
      () => "nothing is coloured",
    );
    const hover = await workbench.hoverOver("onerror");
    expect(await hover.innerText()).toMatch(/nats/u);
    const rendered = hover.locator(
      'img, [data-href^="command:"], .codicon-trash',
    );
    expect(await rendered.count()).toBe(0);
    await workbench.leaveHover();
  });

  test("Next Record steps over the torn line, and Previous Record comes back", async () => {
    await workbench.run("Forksight: Next Record");
    await workbench.activeTab(/Record [34] of rollouts\.jsonl/u).waitFor();
    await workbench.showsText("So 3 * 3 = 9.");
    await workbench.run("Forksight: Previous Record");
    await workbench.activeTab(/Record 2 of rollouts\.jsonl/u).waitFor();
  });

  test("Go to Source Line shows the record's line in the file", async () => {
    await workbench.run("Forksight: Go to Source Line");
    await workbench.activeTab("rollouts.jsonl").waitFor();
    await workbench.until(
      async () => (await workbench.cursorLabel()).startsWith("Ln 2,"),
      async () => `the cursor is at ${await workbench.cursorLabel()}`,
    );
  });

  test("the torn line is listed with its number", async () => {
    await workbench.run("Forksight: Check All Records of a File");
    await workbench.run("Problems: Focus on Problems View");
    const problem = workbench.page
      .locator(".markers-panel .monaco-list-row")
      .filter({ hasText: "Ln 3" });
    await problem.first().waitFor();
  });

  test("the view Forks lists a record's forks until its last tab is closed", async () => {
    await workbench.run("Forksight: Focus on Forks View");
    const rows = workbench.treeRows().filter({ hasText: "nats" });
    await workbench.activeTab("rollouts.jsonl").waitFor();
    await workbench.run("Forksight: Open Record...");
    await workbench.activeTab(/Record 2 of rollouts\.jsonl/u).waitFor();
    await workbench.run("Forksight: Annotate");
    await workbench.until(
      async () => (await rows.count()) > 0,
      () => "no forks are listed",
    );
    await workbench.run("View: Close All Editors");
    await workbench.until(
      async () => (await rows.count()) === 0,
      async () => `${await rows.count()} forks of a closed record are listed`,
    );
  });
});
