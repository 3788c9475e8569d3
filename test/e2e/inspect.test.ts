/** Annotating the sample in a real VS Code: colours at the right characters, hover, forks, edits, cut, display. */
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { root } from "../../scripts/steps.mjs";
import { SAMPLE_TRACE } from "../../scripts/sample.mjs";
import type { EditorView } from "./harness/editorView";
import {
  annotateByCli,
  offsetsOf,
  readText,
  topTokens,
} from "./harness/expected";
import {
  Session,
  obstacle,
  picturesOfFailures,
  temporaryFolder,
} from "./harness/session";
import type { Workbench } from "./harness/workbench";

/** Wide and high enough to show the whole sample without scrolling. */
const VIEWPORT = { width: 1600, height: 1200 };

/** Every command that a person may look for. */
const COMMANDS = [
  "Annotate",
  "Annotate Selection",
  "Choose Model...",
  "Clear",
  "Copy Annotation as JSON",
  "Next Fork",
  "Open Record...",
  "Previous Fork",
  "Set Cut...",
  "Toggle Heat/Forks",
];

describe.skipIf(obstacle() !== undefined)("the sample, annotated", () => {
  const text = readText("samples", SAMPLE_TRACE);
  let workspace: string;
  let session: Session;
  let workbench: Workbench;

  picturesOfFailures(() => session);

  beforeAll(async () => {
    workspace = temporaryFolder("inspect");
    cpSync(join(root, "samples", SAMPLE_TRACE), join(workspace, "trace.txt"));
    session = await Session.open({
      workspace,
      viewport: VIEWPORT,
      settings: { "editor.wordWrap": "on" },
    });
    workbench = session.workbench;
    await workbench.openFile("trace.txt");
  });

  afterAll(async () => {
    await session?.close();
    rmSync(workspace, { recursive: true });
  });

  /** Waits until exactly these characters are decorated, among those on the screen. */
  async function showsExactly(
    document: string,
    offsets: readonly number[],
    what: string,
  ): Promise<EditorView> {
    return workbench.editorWhere(
      document,
      (view) => {
        const wanted = offsets.filter((offset) => offset < view.end);
        return wanted.join() === view.decoratedOffsets().join();
      },
      (view) => differences(document, view, offsets, what),
    );
  }

  test("nothing is coloured before it was asked for", async () => {
    expect((await workbench.editor(text)).decoratedOffsets()).toEqual([]);
  });

  test("Annotate colours the characters of the top 20 % of the tokens, and no other", async () => {
    const forks = topTokens(annotateByCli(text), 0.2);
    await workbench.run("Forksight: Annotate");
    const view = await showsExactly(text, offsetsOf(text, forks), "the forks");
    expect(view.decoratedRanges().length).toBeGreaterThan(3);
    await workbench.screenshot("test-results/inspect.png");
  });

  test("every forking token also carries an underline, not colour alone", async () => {
    const view = await workbench.editor(text);
    for (const { start } of view.decoratedRanges()) {
      const borders = view.decorationsAt(start).map(({ border }) => border);
      expect(borders).toContain("solid");
    }
  });

  test("the status item counts the forks", async () => {
    const count = topTokens(annotateByCli(text), 0.2).length;
    await workbench.statusMatches(new RegExp(`\\b${count} forks\\b`, "u"));
  });

  test("a hover tells a fork's entropy, its rank, and what else the model might have written", async () => {
    const [strongest] = topTokens(annotateByCli(text), 0.2).sort(
      (a, b) => (b.entropy ?? 0) - (a.entropy ?? 0),
    );
    if (strongest === undefined) throw new Error("the sample has no fork");
    const view = await workbench.editor(text);
    const hover = await workbench.hoverText(view, strongest.start);
    expect(hover).toContain("Forking token");
    expect(hover).toContain(strongest.entropy?.toFixed(3));
    expect(hover).toMatch(new RegExp(`rank ${strongest.rank}\\b`, "u"));
    for (const { logprob } of strongest.top) {
      const probability = 100 * Math.exp(logprob);
      if (probability >= 0.1) {
        expect(hover).toContain(`${probability.toFixed(1)} %`);
      }
    }
    await workbench.leaveHover();
  });

  test("Next Fork and Previous Fork go from fork to fork", async () => {
    const forks = topTokens(annotateByCli(text), 0.2);
    await workbench.moveTo(text, 0);
    const behind = forks.filter(({ start }) => start > 0);
    for (const fork of behind.slice(0, 3)) {
      await workbench.run("Forksight: Next Fork");
      await workbench.cursorAt(text, fork.end);
    }
    await workbench.run("Forksight: Previous Fork");
    await workbench.cursorAt(text, behind[1]?.end ?? NaN);
    // By the keyboard, as people do it.
    await workbench.press("Control+F6");
    await workbench.cursorAt(text, behind[2]?.end ?? NaN);
    await workbench.press("Control+Shift+F6");
    await workbench.cursorAt(text, behind[1]?.end ?? NaN);
  });

  test("the view Forks lists them", async () => {
    const count = topTokens(annotateByCli(text), 0.2).length;
    await workbench.run("Forksight: Focus on Forks View");
    await workbench.until(
      async () => (await workbench.treeRows().count()) > Math.min(3, count - 1),
      async () => `the view shows ${await workbench.treeRows().count()} rows`,
    );
    await workbench.focusEditor();
  });

  test("all commands are in the palette", async () => {
    // One by one: the palette renders only the rows in view. Annotate Selection needs a selection: a fork is selected by now.
    const missing: string[] = [];
    for (const title of COMMANDS.map((one) => `Forksight: ${one}`)) {
      const titles = await workbench.paletteTitles(title);
      if (!titles.includes(title)) missing.push(title);
    }
    expect(missing).toEqual([]);
  });

  test("Set Cut changes which tokens are forks", async () => {
    const tokens = annotateByCli(text);
    await workbench.run("Forksight: Set Cut...");
    await workbench.pick("top 10%");
    await showsExactly(
      text,
      offsetsOf(text, topTokens(tokens, 0.1)),
      "the top 10 %",
    );
    await workbench.run("Forksight: Set Cut...");
    await workbench.pick("top 20%");
    await showsExactly(
      text,
      offsetsOf(text, topTokens(tokens, 0.2)),
      "the top 20 %",
    );
  });

  test("Toggle Heat/Forks colours the others as well, and back", async () => {
    const tokens = annotateByCli(text);
    await workbench.run("Forksight: Toggle Heat/Forks");
    const uncertain = tokens.filter(({ entropy }) => (entropy ?? 0) >= 0.01);
    await showsExactly(text, offsetsOf(text, uncertain), "heat over all");
    await workbench.screenshot("test-results/inspect-heat.png");
    await workbench.run("Forksight: Toggle Heat/Forks");
    await showsExactly(
      text,
      offsetsOf(text, topTokens(tokens, 0.2)),
      "forks only",
    );
  });

  test("Copy Annotation as JSON copies what the command line prints", async () => {
    await workbench.run("Forksight: Copy Annotation as JSON");
    const expected = annotateByCli(text);
    await workbench.until(
      async () => (await workbench.clipboard()).startsWith("{"),
      () => "the clipboard holds no JSON",
    );
    const copied = JSON.parse(await workbench.clipboard()) as {
      tokens: typeof expected;
    };
    expect(copied.tokens).toEqual(expected);
  });

  test("after an edit the colours behind it follow", async () => {
    const place = text.indexOf("\n\n", text.length / 3) + 2;
    const inserted = "Wait, let me think again. ";
    const edited = text.slice(0, place) + inserted + text.slice(place);
    const forks = topTokens(annotateByCli(edited), 0.2);
    const before = topTokens(annotateByCli(text), 0.2);
    // The edit must move more than it inserts, or the test would pass without a new scoring.
    expect(
      forks.filter((fork) => fork.start > place + inserted.length).length,
    ).not.toBe(before.filter((fork) => fork.start >= place).length);
    await workbench.moveTo(text, place);
    await workbench.type(inserted);
    await showsExactly(edited, offsetsOf(edited, forks), "the edited forks");
    await workbench.erase(inserted.length);
    await showsExactly(
      text,
      offsetsOf(text, before),
      "the first forks, once the edit is gone",
    );
  });

  test("Clear leaves nothing", async () => {
    await workbench.run("Forksight: Clear");
    await showsExactly(text, [], "nothing");
  });

  test("Annotate Selection colours the selection alone", async () => {
    const start = text.indexOf("\n\n", text.length / 3) + 2;
    const end = text.indexOf("\n\n", start);
    await workbench.select(text, start, end);
    await workbench.run("Forksight: Annotate Selection");
    const view = await workbench.editorWhere(
      text,
      (one) => one.decoratedOffsets().length > 0,
      () => "nothing is coloured",
    );
    const offsets = view.decoratedOffsets();
    expect(Math.min(...offsets)).toBeGreaterThanOrEqual(start);
    expect(Math.max(...offsets)).toBeLessThan(end);
  });
});

/** What differs between what is shown and what should be, for a person to read. */
function differences(
  document: string,
  view: EditorView | undefined,
  wanted: readonly number[],
  what: string,
): string {
  if (view === undefined) return `${what}: the editor could not be read`;
  const shown = new Set(view.decoratedOffsets());
  const visible = wanted.filter((offset) => offset < view.end);
  const missing = visible.filter((offset) => !shown.has(offset));
  const extra = [...shown].filter((offset) => !wanted.includes(offset));
  const around = (offset: number | undefined) =>
    offset === undefined
      ? "none"
      : `${offset} ${JSON.stringify(document.slice(offset - 12, offset + 12))}`;
  return `${what}: ${missing.length} of ${visible.length} characters lack a colour (first: ${around(missing[0])}), ${extra.length} have one too many (first: ${around(extra[0])})`;
}
