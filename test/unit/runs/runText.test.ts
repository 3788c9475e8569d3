import { describe, expect, test } from "vitest";
import { foldersOf } from "../../../extension/runs/runArgument";
import { noticeOf } from "../../../extension/runs/notice";
import {
  groupDescription,
  runRows,
  updateRows,
} from "../../../extension/runs/runRows";
import type { Run } from "../../../extension/runs/run";
import { stepsIn } from "../../../extension/runs/moreSteps";
import {
  runDescription,
  runFlags,
  runName,
  runTooltip,
} from "../../../extension/runs/runText";
import { DESCRIPTION, statusOf } from "./folders";

const RUN: Run = {
  folder: "/runs/a",
  name: "countdown",
  state: "running",
  description: DESCRIPTION,
  status: statusOf(),
  latest: { step: 12, time: 0, reward: 0.412, loss: 0.1 },
};

function runIn(state: Run["state"], changes: Partial<Run> = {}): Run {
  return { ...RUN, state, ...changes };
}

describe("what the view says", () => {
  test("of a run at work", () => {
    expect(runDescription(RUN)).toBe("12/30, reward 0.41, ETA 3 min 20 s");
    const never = { ...RUN, status: { ...RUN.status!, eta: 1e300 } };
    expect(runDescription(never)).toContain("ETA more than 99 days");
    expect(runDescription({ ...RUN, isStopping: true })).toBe(
      "12/30, reward 0.41, stopping",
    );
  });

  test("of one that is being prepared, done, stopped, unreadable", () => {
    const load = statusOf({ step: 0, message: "loading 40 %", eta: null });
    const young = {
      ...{ folder: RUN.folder, name: RUN.name, status: load },
      state: "preparing",
    } as const;
    expect(runDescription(young)).toBe("loading 40 %");
    expect(runDescription(runIn("stopped"))).toBe(
      "12/30, stopped, reward 0.41",
    );
    const problem = "run.json: no\nJSON";
    expect(runDescription(runIn("unreadable", { problem }))).toBe(
      "run.json: no↵JSON",
    );
  });

  test("of fine-tuning, which has no rewards, and of metrics that are no numbers", () => {
    const latest = { step: 1, time: 0, loss: 1.234 };
    expect(runDescription(runIn("done", { latest }))).toBe("12/30, loss 1.23");
    const odd = { step: 1, time: 0, reward: "high" } as never;
    expect(runDescription(runIn("done", { latest: odd }))).toBe("12/30");
  });

  test("holds no control characters and no markup", () => {
    const name = "<img src=x onerror=alert(1)>\u202e[a](command:x)\u001b[31m";
    expect(runName({ ...RUN, name })).not.toMatch(/\p{Cf}|(?!\n)\p{Cc}/u);
    const tooltip = runTooltip({
      ...RUN,
      name,
      folder: "/runs/[a](command:x)",
      status: statusOf({ message: "**bold** $(zap) <b>" }),
      description: {
        ...DESCRIPTION,
        settings: { model: "`a` | b\n\n# c", mask: { kind: "top", rho: 0.2 } },
      },
    });
    expect(tooltip).not.toMatch(/\p{Cf}|(?!\n)\p{Cc}/u);
    expect(tooltip).not.toMatch(/(?<!\\)<|(?<!\\)\$\(|(?<!\\)\]\(/);
    expect(tooltip).toContain("| Rho | 0\\.2 |");
    expect(tooltip.split("\n").filter((line) => /^#/.test(line))).toEqual([]);
  });

  test("names the state to the menus", () => {
    expect(runFlags(RUN, false)).toBe("run live readable");
    expect(runFlags(runIn("interrupted"), true)).toBe(
      "run still resumable readable opened",
    );
    expect(runFlags(runIn("done"), false)).toBe(
      "run still extensible readable",
    );
    const foreign = { ...DESCRIPTION, engine: "verl" };
    expect(runFlags(runIn("stopped", { description: foreign }), false)).toBe(
      "run still readable",
    );
  });
});

describe("groups", () => {
  const runs = [
    runIn("running", { folder: "/runs/arms/top", group: "arms" }),
    runIn("done", { folder: "/runs/alone" }),
    runIn("done", { folder: "/runs/arms/all", group: "arms" }),
    runIn("done", { folder: "/elsewhere/arms/all", group: "arms" }),
  ];

  test("stand where their newest run would, their runs in the order of launching", () => {
    const rows = runRows(runs);
    expect(rows.map((row) => row.kind)).toEqual(["group", "run", "group"]);
    expect(foldersOf(rows[0])).toEqual(["/runs/arms/all", "/runs/arms/top"]);
    expect(foldersOf(rows[2])).toEqual(["/elsewhere/arms/all"]);
  });

  test("runs of one name beside each other get their folders' names", () => {
    const rows = runRows([
      runIn("done", { folder: "/runs/a-1", name: "a" }),
      runIn("done", { folder: "/runs/a-2", name: "a" }),
      runIn("done", { folder: "/runs/b", name: "b" }),
    ]);
    expect(rows.map((row) => row.kind === "run" && row.beside)).toEqual([
      ...["a-1", "a-2", ""],
    ]);
    expect(runDescription(RUN, "a-1")).toMatch(/^a-1, 12\/30/);
  });

  test("say how far they are", () => {
    const [group] = runRows(runs, () => ["bottom", "random"]);
    if (group?.kind !== "group") throw new Error("no group");
    expect(groupDescription(group)).toBe(
      "1 of 2 done, 1 at work, waiting: bottom, random",
    );
  });
});

describe("a command's argument", () => {
  test("is a folder, several, a row, or a selection", () => {
    const row = { kind: "run", run: RUN };
    const other = { kind: "run", run: { ...RUN, folder: "/runs/b" } };
    expect(foldersOf("/runs/a")).toEqual(["/runs/a"]);
    expect(foldersOf(["/runs/a", "/runs/b"])).toEqual(["/runs/a", "/runs/b"]);
    expect(foldersOf(row, [row, other])).toEqual(["/runs/a", "/runs/b"]);
    expect(foldersOf()).toEqual([]);
    expect(foldersOf({ some: "thing" }, undefined)).toEqual([]);
  });
});

describe("a notice", () => {
  test.each(["done", "failed", "interrupted"] as const)(
    "tells that a run is %s that was seen at work",
    (state) => {
      const now = runIn(state, { problem: "out of memory" });
      expect(noticeOf(RUN, now)?.message).toContain("countdown");
      expect(noticeOf(undefined, now)).toBeUndefined();
      expect(noticeOf(now, now)).toBeUndefined();
    },
  );

  test("does not tell what the user asked for", () => {
    expect(noticeOf(RUN, runIn("stopped"))).toBeUndefined();
  });

  test("tells once that a run diverges", () => {
    const divergence = { kind: "loss", step: 3, message: "no number" } as const;
    const bad = { ...RUN, divergence };
    expect(noticeOf(RUN, bad)).toMatchObject({
      severity: "warning",
      actions: ["Open Dashboard", "Stop"],
    });
    expect(noticeOf(bad, { ...bad, status: statusOf({ step: 13 }) })).toBe(
      undefined,
    );
  });
});

test("more steps are a whole number beyond those done", () => {
  expect(stepsIn(" 40 ", 30)).toBe(40);
  for (const text of ["30", "", "4e1", "-5", "31.5", "99999999"])
    expect(stepsIn(text, 30)).toBeUndefined();
});

describe("rows that are shown", () => {
  const top = runIn("running", { folder: "/runs/arms/top", group: "arms" });
  const alone = runIn("running", { folder: "/runs/alone" });

  test("stay themselves while their runs go on", () => {
    const shown = runRows([top, alone]);
    const [group, row] = shown;
    const done = { ...top, state: "done" } as const;
    const changed = updateRows(shown, runRows([done, alone]));
    expect(changed).toHaveLength(2);
    expect(changed?.[0]).toBe(group);
    expect(foldersOf(changed?.[1])).toEqual(["/runs/arms/top"]);
    expect(updateRows(shown, runRows([done, alone]))).toEqual([]);
    expect(shown[1]).toBe(row);
  });

  test("tell of arms that wait", () => {
    const shown = runRows([top]);
    const waiting = runRows([top], () => ["random"]);
    expect(updateRows(shown, waiting)).toEqual([shown[0]]);
  });

  test("give way where others come, go, or change places", () => {
    const shown = runRows([top, alone]);
    expect(updateRows(shown, runRows([alone, top]))).toBeUndefined();
    expect(updateRows(shown, runRows([top]))).toBeUndefined();
    expect(updateRows([], runRows([top]))).toBeUndefined();
  });
});
