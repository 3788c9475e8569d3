/** What goes wrong must not take the window along: a killed engine, a broken model, a workspace that is not trusted. */
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
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { POCKET_MODEL, SAMPLE_TRACE } from "../../scripts/sample.mjs";
import { root } from "../../scripts/steps.mjs";
import {
  annotateByCli,
  offsetsOf,
  readText,
  topTokens,
} from "./harness/expected";
import { enginesOf } from "./harness/processes";
import {
  Session,
  obstacle,
  picturesOfFailures,
  temporaryFolder,
} from "./harness/session";
import type { Workbench } from "./harness/workbench";

const skip = obstacle() !== undefined;

/** Waits until the forks of a text are coloured, and nothing else. */
async function showsForks(workbench: Workbench, text: string): Promise<void> {
  const offsets = offsetsOf(text, topTokens(annotateByCli(text), 0.2));
  await workbench.editorWhere(
    text,
    (view) =>
      offsets.filter((offset) => offset < view.end).join() ===
      view.decoratedOffsets().join(),
    (view) =>
      `the forks are not coloured; decorated now: ${JSON.stringify(view?.decoratedRanges().slice(0, 8))}`,
  );
}

describe.skipIf(skip)("an engine that dies, a model that is broken", () => {
  const text = readText("samples", SAMPLE_TRACE);
  let workspace: string;
  let broken: string;
  let session: Session;
  let workbench: Workbench;

  picturesOfFailures(() => session);

  beforeAll(async () => {
    workspace = temporaryFolder("robustness");
    broken = join(workspace, "broken.gguf");
    writeFileSync(join(workspace, "trace.txt"), text);
    // The header says that there are tensors, and the file ends before them.
    writeFileSync(broken, readFileSync(POCKET_MODEL).subarray(0, 100_000));
    session = await Session.open({
      workspace,
      viewport: { width: 1600, height: 1200 },
      settings: { "editor.wordWrap": "on", "forksight.cacheSizeMB": 0 },
    });
    workbench = session.workbench;
    await workbench.openFile("trace.txt");
    await workbench.run("Forksight: Annotate");
    await showsForks(workbench, text);
  });

  afterAll(async () => {
    await session?.close();
    rmSync(workspace, { recursive: true });
  });

  test("an engine killed while idle is started anew by the next request", async () => {
    const [engine] = enginesOf(session.server.pid);
    if (engine === undefined) throw new Error("there is no engine process");
    process.kill(engine.pid, "SIGKILL");
    await workbench.run("Forksight: Clear");
    await workbench.run("Forksight: Annotate");
    await showsForks(workbench, text);
    const after = enginesOf(session.server.pid);
    expect(after).toHaveLength(1);
    expect(after[0]?.pid).not.toBe(engine.pid);
  });

  test("an engine killed while it works leaves the colours, the window, and a way on", async () => {
    const inserted = "Wait. ";
    const place = text.indexOf("\n\n") + 2;
    const edited = text.slice(0, place) + inserted + text.slice(place);
    await workbench.moveTo(text, place);
    await workbench.type(inserted);
    // Scoring starts within half a second of the last key; whatever moment the signal meets, the end is the same.
    for (let strike = 0; strike < 2; strike += 1) {
      for (const { pid } of enginesOf(session.server.pid)) {
        process.kill(pid, "SIGKILL");
      }
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    await workbench.run("Forksight: Annotate");
    await showsForks(workbench, edited);
    await workbench.statusMatches(/\d+ forks/u);
    await workbench.erase(inserted.length);
    await showsForks(workbench, text);
  });

  test("a truncated GGUF is refused by name, and another model can be chosen", async () => {
    const message = workbench.notification(/broken\.gguf/u);
    await workbench.showNotifications();
    // The change of the setting alone has what is shown scored again.
    await session.changeSettingsUntil(
      { "forksight.modelPath": broken },
      () => message.isVisible(),
      () => "no message about broken.gguf",
    );
    expect(await message.innerText()).toMatch(/truncated|ends|short|cut off/iu);
    await workbench.screenshot("test-results/broken-model.png");
    await message.getByText("Choose Model", { exact: true }).click();
    await workbench.pick(/pocket/iu);
    await showsForks(workbench, text);
    await workbench.statusMatches(/\d+ forks/u);
  });

  test("an adapter that has gone is told of, and the base model is one click away", async () => {
    const message = workbench.notification(/There is no adapter/u);
    await workbench.showNotifications();
    await session.changeSettingsUntil(
      { "forksight.adapterPath": join(workspace, "gone.gguf") },
      () => message.isVisible(),
      () => "no message about the adapter",
    );
    await message.getByText("Score with the Base Model").click();
    await showsForks(workbench, text);
    await workbench.statusMatches(/\d+ forks(?! by)/u);
  });
});

describe.skipIf(skip)("a workspace that is not trusted", () => {
  const text = readText("samples", SAMPLE_TRACE);
  let workspace: string;
  let session: Session;
  let workbench: Workbench;

  picturesOfFailures(() => session);

  beforeAll(async () => {
    workspace = temporaryFolder("untrusted");
    writeFileSync(join(workspace, "trace.txt"), text);
    writeFileSync(join(workspace, "evil.gguf"), "not a model");
    // So that the form has nothing else to complain of.
    cpSync(join(root, "samples", "data"), join(workspace, "data"), {
      recursive: true,
    });
    mkdirSync(join(workspace, "runs"));
    writeFileSync(
      join(workspace, "runs", "evil.forksight.yaml"),
      "reward: {kind: javascript, file: evil.mjs}\n",
    );
    writeFileSync(
      join(workspace, "runs", "evil.mjs"),
      'import { writeFileSync } from "node:fs"; writeFileSync("ran", "");\n',
    );
    mkdirSync(join(workspace, ".vscode"));
    writeFileSync(
      join(workspace, ".vscode", "settings.json"),
      JSON.stringify({
        "forksight.modelPath": join(workspace, "evil.gguf"),
        "forksight.annotateOnOpen": true,
      }),
    );
    session = await Session.open({
      workspace,
      viewport: { width: 1600, height: 1200 },
      settings: {
        "editor.wordWrap": "on",
        "security.workspace.trust.enabled": true,
        "security.workspace.trust.startupPrompt": "never",
        "security.workspace.trust.banner": "never",
      },
    });
    workbench = session.workbench;
    await workbench.openFile("trace.txt");
  });

  afterAll(async () => {
    await session?.close();
    rmSync(workspace, { recursive: true });
  });

  test("its settings start no scoring and name no model, and the user's own work", async () => {
    await workbench.page
      .locator(".statusbar-item", { hasText: "Restricted Mode" })
      .waitFor();
    await workbench.statusMatches(/pocket/iu);
    expect((await workbench.editor(text)).decoratedOffsets()).toEqual([]);
    expect(enginesOf(session.server.pid)).toEqual([]);
    await workbench.run("Forksight: Annotate");
    await showsForks(workbench, text);
  });

  test("its run file cannot be launched, from the palette or from the form, which says why", async () => {
    await workbench.openFile("evil.forksight.yaml");
    await workbench.page
      .locator(".codelens-decoration", {
        hasText: "Launching needs a trusted workspace",
      })
      .waitFor();
    for (const title of ["Launch Run File", "Compare Arms"])
      expect(
        (await workbench.paletteTitles(`Forksight: ${title}`)).join("; "),
      ).not.toContain(title);
    await workbench.run("Forksight: New Training Run");
    const panel = workbench.page
      .frameLocator("iframe.webview.ready")
      .first()
      .frameLocator("iframe#active-frame");
    await panel.locator("#trust", { hasText: /trusted/u }).waitFor();
    await panel
      .locator('[data-field="data.train"] .count', { hasText: /problems/u })
      .waitFor();
    expect(await panel.locator("#problems").innerText()).toBe("");
    await panel.locator("#launch[disabled]").waitFor();
    await workbench.screenshot("test-results/launch-untrusted.png");
    expect(existsSync(join(workspace, ".forksight"))).toBe(false);
    expect(readdirSync(join(workspace, "runs"))).toHaveLength(2);
  });
});
