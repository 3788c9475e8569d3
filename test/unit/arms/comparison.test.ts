import {
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { armOverrides } from "../../../core/run/arms";
import { readRunFile } from "../../../core/run/runFile";
import {
  type Comparison,
  ComparisonFiles,
  nextStep,
  unblocked,
} from "../../../extension/arms/comparison";
import type { Run, ShownState } from "../../../extension/runs/run";
import { temporaryPlace } from "../runs/folders";

const QUEUE: Comparison = {
  format: 1,
  folder: "/runs/arms",
  name: "countdown",
  runFile: "/runs/arms/comparison.forksight.yaml",
  arms: ["all", "top", "random"],
  waiting: ["top", "random"],
  inTurn: true,
  trustRewards: false,
};

/** The runs there are, by arm. */
function runsOf(states: Readonly<Record<string, ShownState>>) {
  return (folder: string): Run | undefined => {
    const arm = folder.slice(folder.lastIndexOf("/") + 1);
    const state = states[arm];
    return state && { folder, name: arm, state };
  };
}

describe("the next arm", () => {
  test("waits while one before it is at work", () => {
    for (const all of ["running", "preparing"] as const)
      expect(nextStep(QUEUE, runsOf({ all }))).toEqual({ kind: "wait" });
  });

  test("is launched once those before it are done", () => {
    expect(nextStep(QUEUE, runsOf({ all: "done" }))).toEqual({
      kind: "launch",
      arm: "top",
    });
  });

  test.each(["stopped", "failed", "interrupted"] as const)(
    "is held up by one that is %s, until the user goes on without it",
    (all) => {
      const runAt = runsOf({ all });
      const step = nextStep(QUEUE, runAt);
      expect(step).toMatchObject({ kind: "blocked", by: { name: "all" } });
      expect(nextStep(unblocked(QUEUE, runAt), runAt).kind).toBe("launch");
    },
  );

  test("is not held up by one that was deleted", () => {
    expect(nextStep(QUEUE, runsOf({})).kind).toBe("launch");
  });

  test("does not wait where all run side by side", () => {
    const queue = { ...QUEUE, inTurn: false };
    expect(nextStep(queue, runsOf({ all: "running" })).kind).toBe("launch");
  });

  test("is not tried again where its launch failed, until the user says so", () => {
    const queue = { ...QUEUE, held: "no memory" };
    const runAt = runsOf({ all: "done" });
    expect(nextStep(queue, runAt)).toEqual({ kind: "wait" });
    expect(nextStep(unblocked(queue, runAt), runAt).kind).toBe("launch");
  });

  test("is none once all are launched", () => {
    expect(nextStep({ ...QUEUE, waiting: [] }, runsOf({}))).toEqual({
      kind: "over",
    });
  });
});

describe("waiting lists on disk", () => {
  function files() {
    const place = temporaryPlace();
    const folder = join(place, "arms");
    mkdirSync(folder);
    const lists = join(place, "lists");
    const queue = { ...QUEUE, folder };
    return { lists, folder, queue, files: new ComparisonFiles(lists) };
  }

  test("survive, and go when no arm waits", async () => {
    const { queue, folder, lists, files: kept } = files();
    await kept.put(queue);
    expect(await new ComparisonFiles(lists).all()).toEqual([queue]);
    await kept.put({ ...queue, waiting: [] });
    expect(await kept.get(folder)).toBeUndefined();
    expect(readdirSync(lists)).toEqual([]);
  });

  test("go with their group folder, and damaged ones are passed over", async () => {
    const { queue, folder, lists, files: kept } = files();
    await kept.put(queue);
    writeFileSync(join(lists, "bad.json"), '{"format":1}');
    expect(await kept.all()).toHaveLength(1);
    rmSync(folder, { recursive: true });
    expect(await kept.all()).toEqual([]);
  });

  test("are worked on by one window at a time", async () => {
    const { folder, files: kept } = files();
    let inner: boolean | undefined;
    const outer = await kept.exclusively(folder, async () => {
      inner = await kept.exclusively(folder, () => Promise.resolve());
    });
    expect([outer, inner]).toEqual([true, false]);
    expect(await kept.exclusively(folder, () => Promise.resolve())).toBe(true);
  });

  test("are free again after an error, and after a window that died", async () => {
    const { folder, lists, files: kept } = files();
    const failing = kept.exclusively(folder, () => Promise.reject(new Error()));
    await expect(failing).rejects.toThrow();
    let lock = "";
    await kept.exclusively(folder, () => {
      lock = join(lists, readdirSync(lists)[0]!);
      return Promise.resolve();
    });
    expect(existsSync(lock)).toBe(false);
    // No process has this id: Linux gives none above 2^22.
    writeFileSync(lock, String(2 ** 30));
    expect(await kept.exclusively(folder, () => Promise.resolve())).toBe(true);
  });
});

test("an arm differs from the others in mask and name alone, whatever the name holds", () => {
  const text = 'model: m\ndata: {train: t}\nname: "a: [b] #c"\nseed: 7\n';
  const read = readRunFile(text, armOverrides("a: [b] #c", "bottom"));
  expect(read).toMatchObject({
    ok: true,
    settings: { name: "a: [b] #c, bottom", mask: { kind: "bottom" }, seed: 7 },
  });
});
