import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { dashboardHtml } from "../../../core/panels/dashboardHtml";
import {
  readDashboardState,
  readFromDashboard,
  readToDashboard,
  type ToDashboard,
  unpacked,
} from "../../../core/panels/dashboardProtocol";
import { visibleLine } from "../../../core/panels/visibleText";
import { columnOf } from "../../../core/run/metricsColumns";
import { trainingHtml } from "../../../core/panels/trainingHtml";
import { DashboardSession } from "../../../extension/dashboard/dashboardSession";
import { shownName } from "../../../extension/dashboard/shownName";
import { readRun } from "../../../extension/runs/readRun";
import { writeRun } from "../../bench/syntheticRuns";

const place = mkdtempSync(join(tmpdir(), "forksight-session-"));
afterAll(() => rmSync(place, { recursive: true }));

const line = (step: number) =>
  `${JSON.stringify({ step, time: step, reward: step / 10 })}\n`;

/** A session whose page is the list of its messages, as they come in after the post. */
async function sessionOn(folders: readonly string[]) {
  const messages: ToDashboard[] = [];
  const kept: (readonly string[])[] = [];
  const session = new DashboardSession({
    post: (message) => {
      const read = readToDashboard(structuredClone(message));
      if (read === undefined) throw new Error("a message that no page reads");
      messages.push(read);
    },
    known: () => [],
    read: (folder) => readRun({ folder }),
    keep: (shown) => kept.push(shown),
  });
  await session.show(folders);
  await session.receive({ type: "ready" });
  const last = <Type extends ToDashboard["type"]>(type: Type) =>
    messages.findLast(
      (one): one is Extract<ToDashboard, { type: Type }> => one.type === type,
    );
  return { session, messages, kept, last };
}

describe("a session", () => {
  const a = join(place, "a");
  const b = join(place, "b");
  writeRun(a, "first", line(1) + line(2), { step: 2, steps: 9 }, { seed: 1 });
  writeRun(b, "second", line(1), { step: 1, steps: 9 }, { seed: 2 });

  it("tells of runs, rows and differences once the page is there", async () => {
    const { session, last } = await sessionOn([a, b]);
    expect(last("runs")?.shown.map(({ name, step }) => [name, step])).toEqual([
      ["first", 2],
      ["second", 1],
    ]);
    const columns = unpacked(last("columns")!.runs[0]!)!;
    expect([...columnOf(columns, "reward")!]).toEqual([0.1, 0.2]);
    expect(last("settings")?.differences).toEqual([
      { name: "seed", values: ["1", "2"] },
    ]);
    session.dispose();
  });

  it("tells which runs are to be shown again", async () => {
    const { session, kept } = await sessionOn([a]);
    await session.add([b]);
    await session.receive({ type: "show", folders: [b] });
    expect(kept).toEqual([[a], [a, b], [b]]);
    session.dispose();
  });

  it("sends what is appended, and nothing where nothing has changed", async () => {
    const { session, messages, last } = await sessionOn([a]);
    const before = messages.length;
    await session.poll();
    expect(messages.length).toBe(before);
    appendFileSync(join(a, "metrics.jsonl"), line(3));
    await session.poll();
    const append = last("append")!;
    expect(append.after).toBe(2);
    expect([...columnOf(unpacked(append)!, "step")!]).toEqual([3]);
    await session.receive({ type: "refresh", folder: a });
    expect(last("columns")!.runs[0]!.rows).toBe(3);
    session.dispose();
  });

  it("adds runs to those that are shown, each once", async () => {
    const { session, last } = await sessionOn([a]);
    await session.add([b, a]);
    expect(last("runs")?.shown.map(({ folder }) => folder)).toEqual([a, b]);
    session.dispose();
  });

  it("keeps the name of a run whose folder is gone, and says so", async () => {
    const folder = join(place, "gone");
    writeRun(folder, "third", line(1), { step: 1, steps: 9 }, { seed: 3 });
    const { session, last } = await sessionOn([folder]);
    rmSync(folder, { recursive: true });
    await session.poll();
    expect(last("runs")?.shown).toMatchObject([
      { name: "third", state: "unreadable", message: "its folder is gone" },
    ]);
    session.dispose();
  });

  it("says what is wrong with a folder that holds no run, and goes on with the others", async () => {
    const broken = join(place, "broken");
    mkdirSync(broken);
    writeFileSync(join(broken, "run.json"), "{");
    // A folder where a file should be cannot be read.
    mkdirSync(join(broken, "metrics.jsonl"));
    const { session, last } = await sessionOn([broken, a]);
    const [bad, good] = last("runs")!.shown;
    expect(bad).toMatchObject({ state: "unreadable" });
    expect(bad!.message).toMatch(/metrics\.jsonl|run\.json/);
    expect(good).toMatchObject({ name: "first" });
    session.dispose();
  });
});

describe("text from files", () => {
  const HOSTILE =
    '<img src=x onerror="x()"><script>x()</script>\u001b[31m\u202eevil\u2066\n';

  it("has no control characters and no bidirectional marks once it is shown", () => {
    for (const shown of [shownName(HOSTILE), visibleLine(HOSTILE)]) {
      // eslint-disable-next-line no-control-regex
      expect(shown).not.toMatch(/[\u0000-\u001f\u202a-\u202e\u2066-\u2069]/);
      expect(shown).toContain("<script>");
    }
    expect(shownName("two words")).toBe("two words");
  });

  it("goes to the page as data in names, messages, groups and settings", async () => {
    const folder = join(place, "hostile");
    const settings = { [HOSTILE]: HOSTILE };
    writeRun(folder, HOSTILE, line(1), { message: HOSTILE }, settings);
    const { session, last } = await sessionOn([folder, join(place, "b")]);
    const told = JSON.stringify([last("runs"), last("settings")]);
    expect(told).not.toMatch(/\\u001b|\\n|[\u202a-\u202e\u2066-\u2069]/);
    session.dispose();
  });
});

describe("messages and states", () => {
  it("of other makes are dropped, and a broken state is as at first", () => {
    for (const message of [null, "ready", { type: "show" }, { type: "x" }]) {
      expect(readFromDashboard(message)).toBeUndefined();
      expect(readToDashboard(message)).toBeUndefined();
    }
    const state = readDashboardState({ folders: ["/a"], smoothing: 7, log: 3 });
    expect(state).toMatchObject({ folders: ["/a"], smoothing: 0.6, log: [] });
    expect(readDashboardState(undefined).folders).toEqual([]);
  });

  it("with a buffer of another length are no columns", () => {
    const values = new ArrayBuffer(8);
    expect(unpacked({ names: ["a"], rows: 2, values })).toBeUndefined();
  });
});

describe.each([dashboardHtml, trainingHtml])("a page", (html) => {
  const page = html({
    nonce: 'n"<',
    scriptUri: "s.js",
    styleUri: "s.css",
    cspSource: "https://x",
  });

  it("lets one script run and has neither inline styles nor handlers", () => {
    expect(page).toContain("default-src 'none'");
    expect(page).not.toMatch(/\sstyle=|\son[a-z]+=/);
    expect(page.match(/<script/g)).toHaveLength(1);
    expect(page).not.toContain('n"<');
  });
});
