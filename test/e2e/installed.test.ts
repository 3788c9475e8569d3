/** As users get it: the .vsix of `npm run package`, installed into a workbench that never saw this repository. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SAMPLE_TRACE } from "../../scripts/sample.mjs";
import { root } from "../../scripts/steps.mjs";
import { codeServerEntry, workbenchNode } from "../../scripts/workbench.mjs";
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

describe.skipIf(obstacle() !== undefined)("the package, installed", () => {
  let folder: string;
  const text = readText("samples", SAMPLE_TRACE);
  let session: Session;
  let workbench: Workbench;
  let dataFolder = "";

  picturesOfFailures(() => session);

  beforeAll(async () => {
    folder = temporaryFolder("installed");
    const vsix = join(folder, "forksight.vsix");
    mustRun(process.execPath, [
      join(root, "scripts", "package.mjs"),
      ...["--out", vsix],
    ]);
    expect(existsSync(vsix)).toBe(true);
    const workspace = join(folder, "workspace");
    mkdirSync(workspace);
    session = await Session.open({
      workspace,
      extension: null,
      viewport: { width: 1600, height: 1200 },
      settings: { "editor.wordWrap": "on" },
      prepare: (where) => {
        dataFolder = where;
        mustRun(workbenchNode, [
          codeServerEntry,
          ...["--install-extension", vsix],
          ...["--user-data-dir", join(where, "data")],
          ...["--extensions-dir", join(where, "extensions")],
        ]);
      },
    });
    workbench = session.workbench;
  }, 600_000);

  afterAll(async () => {
    await session?.close();
    rmSync(folder, { recursive: true });
  });

  test("annotates its own sample with its own model and its own engine", async () => {
    await workbench.run("Forksight: Open Sample Trace");
    // A copy without a name: the installed file itself is not there to be edited.
    await workbench.activeTab(/Untitled/u).waitFor();
    await workbench.run("Forksight: Annotate");
    const offsets = offsetsOf(text, topTokens(annotateByCli(text), 0.2));
    await workbench.editorWhere(
      text,
      (view) =>
        offsets.filter((offset) => offset < view.end).join() ===
        view.decoratedOffsets().join(),
      (view) =>
        `the forks are not coloured; decorated now: ${JSON.stringify(view?.decoratedRanges().slice(0, 8))}`,
    );
    const engines = enginesOf(session.server.pid);
    expect(engines).toHaveLength(1);
    expect(engines[0]?.commandLine).toContain(join(dataFolder, "extensions"));
    await workbench.screenshot("test-results/installed.png");
  });
});

function mustRun(program: string, args: readonly string[]): void {
  const { status, stdout, stderr } = spawnSync(program, args, {
    encoding: "utf8",
    env: { ...process.env, EXTENSIONS_GALLERY: "{}" },
  });
  if (status !== 0) {
    throw new Error(`${args.join(" ")} failed:\n${stdout}\n${stderr}`);
  }
}
