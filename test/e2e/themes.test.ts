/** Every kind of theme shows the forks, and pictures of it: in test-results/, and in docs/images/ where they are asked for. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { SAMPLE_TRACE } from "../../scripts/sample.mjs";
import type { EditorView } from "./harness/editorView";
import {
  type AnnotatedToken,
  annotateByCli,
  offsetsOf,
  readText,
  topTokens,
} from "./harness/expected";
import { saveImage } from "./harness/images";
import {
  Session,
  obstacle,
  picturesOfFailures,
  temporaryFolder,
} from "./harness/session";
import type { Workbench } from "./harness/workbench";

/** Name of the picture, the theme's label, and the class that the workbench then carries. */
const THEMES = [
  ["dark", "Dark Modern", "vs-dark"],
  ["light", "Light Modern", "vs"],
  ["high-contrast-dark", "Dark High Contrast", "hc-black"],
  ["high-contrast-light", "Light High Contrast", "hc-light"],
] as const;

describe.skipIf(obstacle() !== undefined)("the four kinds of theme", () => {
  const text = readText("samples", SAMPLE_TRACE);
  let folder: string;
  let session: Session;
  let workbench: Workbench;

  picturesOfFailures(() => session);

  beforeAll(async () => {
    folder = temporaryFolder("themes");
    const workspace = join(folder, "traces");
    mkdirSync(workspace);
    writeFileSync(join(workspace, "countdown.txt"), text);
    session = await Session.open({
      workspace,
      viewport: { width: 1280, height: 800 },
      settings: {
        "editor.wordWrap": "on",
        "editor.minimap.enabled": false,
        "editor.fontSize": 15,
        "window.commandCenter": false,
      },
    });
    workbench = session.workbench;
    await workbench.openFile("countdown.txt");
    await workbench.run("Forksight: Annotate");
    await workbench.run("Forksight: Focus on Forks View");
    await workbench.focusEditor();
  });

  afterAll(async () => {
    await session?.close();
    rmSync(folder, { recursive: true });
  });

  test.each(THEMES)("%s", async (name, theme, className) => {
    await workbench.run("Preferences: Color Theme");
    await workbench.filterAndPick(theme);
    await workbench.page
      .locator(`.monaco-workbench.${className}`)
      .first()
      .waitFor();
    const forks = topTokens(annotateByCli(text), 0.2);
    const offsets = offsetsOf(text, forks);
    const view = await workbench.editorWhere(
      text,
      (one) =>
        offsets.filter((offset) => offset < one.end).join() ===
          one.decoratedOffsets().join() && isMarkedTwice(one),
      (one) =>
        `the forks are not marked by a background and a border: ${JSON.stringify(one?.decorations.slice(0, 4))}`,
    );
    await workbench.hoverText(view, tellingFork(text, forks).start);
    saveImage(await workbench.screenshot(`test-results/inspect-${name}.png`));
    await workbench.leaveHover();
  });
});

/** Never by colour alone: each fork has a background, and a border (all around in high contrast, an underline else). */
function isMarkedTwice(view: EditorView): boolean {
  return view.decoratedRanges().every(({ start }) => {
    const marks = view.decorationsAt(start);
    return (
      marks.some(({ border }) => border === "solid") &&
      marks.some(({ background }) => background !== "rgba(0, 0, 0, 0)")
    );
  });
}

/** A word of the trace's second half where the model was most undecided: its hover has something to tell. */
function tellingFork(
  text: string,
  forks: readonly AnnotatedToken[],
): AnnotatedToken {
  const [strongest] = forks
    .filter(({ start }) => start > text.length / 2)
    .filter((fork) => /^ ?[A-Z]?[a-z]{2,}$/u.test(fork.text))
    .sort((one, other) => (other.entropy ?? 0) - (one.entropy ?? 0));
  if (strongest === undefined) throw new Error("no fork is a word");
  return strongest;
}
