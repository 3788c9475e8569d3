import { spawnSync } from "node:child_process";
import {
  appendFileSync,
  mkdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  fingerprint,
  readRun,
  stateOf,
  type Surroundings,
} from "../../../extension/runs/readRun";
import { findRuns } from "../../../extension/runs/findRuns";
import { readTail } from "../../../extension/runs/tail";
import { statusOf, temporaryPlace, writeRun } from "./folders";

const NOW = Date.parse("2026-11-26T04:00:00Z");

/** A machine at NOW with one process, 42. */
const AROUND: Surroundings = {
  now: NOW,
  host: "here",
  isProcess: (pid) => pid === 42,
};

function stateAt(
  secondsAgo: number,
  pid: number,
  host: string,
  state: "running" | "preparing" | "stopped" = "running",
) {
  const heartbeat = new Date(NOW - 1000 * secondsAgo).toISOString();
  return stateOf(statusOf({ state, heartbeat, pid, host }), AROUND);
}

describe("the state of a run", () => {
  test("is its status while the heartbeat is fresh", () => {
    expect(stateAt(5, 42, "here")).toBe("running");
    expect(stateAt(30, 42, "here")).toBe("running");
    expect(stateAt(30, 7, "elsewhere", "preparing")).toBe("preparing");
  });

  test("is interrupted once the heartbeat is older than a minute", () => {
    expect(stateAt(61, 42, "here")).toBe("interrupted");
    expect(stateAt(61, 7, "elsewhere", "preparing")).toBe("interrupted");
  });

  test("is interrupted where the heartbeat is more than a minute ahead", () => {
    expect(stateAt(-30, 42, "here")).toBe("running");
    expect(stateAt(-61, 42, "here")).toBe("interrupted");
  });

  test("is interrupted where the process is gone and its heartbeat overdue", () => {
    expect(stateAt(11, 7, "here")).toBe("interrupted");
  });

  test("is not judged by a process id while heartbeats come, as from a container of the same name", () => {
    expect(stateAt(5, 7, "here")).toBe("running");
  });

  test("is what was written last where that is an end", () => {
    expect(stateAt(5000, 7, "here", "stopped")).toBe("stopped");
  });

  test("with a heartbeat that is no date is interrupted", () => {
    expect(stateOf(statusOf({ heartbeat: "soon" }), AROUND)).toBe(
      "interrupted",
    );
  });
});

describe("reading a run folder", () => {
  test("gives description, status and the last whole line of metrics", async () => {
    const folder = writeRun(temporaryPlace(), "a", {
      lines: [
        { step: 11, time: 1, reward: 0.3 },
        { step: 12, time: 2, reward: 0.4 },
      ],
    });
    appendFileSync(join(folder, "metrics.jsonl"), '{"step":13,"ti');
    const run = await readRun({ folder, group: "arms" });
    expect(run).toMatchObject({
      folder,
      group: "arms",
      name: "countdown",
      state: "running",
      status: { step: 12 },
      latest: { step: 12, reward: 0.4 },
    });
  });

  test("a failed run says why", async () => {
    const folder = writeRun(temporaryPlace(), "a", {
      status: { state: "failed", message: "out of memory" },
    });
    expect(await readRun({ folder })).toMatchObject({
      state: "failed",
      problem: "out of memory",
    });
  });

  test.each([
    ["run.json", "{", /^run\.json: no JSON/],
    ["run.json", '{"format":2}', /^run\.json: format/],
    ["status.json", "[]", /^status\.json: \w/],
    ["status.json", "\0\0", /^status\.json: no JSON/],
    ["status.json", JSON.stringify(statusOf({ step: -1 })), /: step: /],
    ["status.json", '{"state":"running","step":1,"steps":1e999}', /: steps: /],
  ])("a bad %s is unreadable, with the reason", async (name, text, problem) => {
    const folder = writeRun(temporaryPlace(), "a");
    writeFileSync(join(folder, name), text);
    const run = await readRun({ folder });
    expect(run.state).toBe("unreadable");
    expect(run.problem).toMatch(problem);
  });

  test("a huge run.json is not read", async () => {
    const folder = writeRun(temporaryPlace(), "a");
    writeFileSync(join(folder, "run.json"), Buffer.alloc(5 << 20, " "));
    expect(await readRun({ folder })).toMatchObject({
      state: "unreadable",
      name: "a",
    });
  });

  test("a run.json that is a folder is unreadable", async () => {
    const folder = join(temporaryPlace(), "a");
    mkdirSync(join(folder, "run.json"), { recursive: true });
    expect((await readRun({ folder })).state).toBe("unreadable");
  });

  test.skipIf(process.platform === "win32")(
    "a named pipe in it holds nobody up, nor does a device",
    async () => {
      const place = temporaryPlace();
      const piped = writeRun(place, "piped");
      const device = writeRun(place, "device");
      for (const name of ["status.json", "metrics.jsonl"]) {
        rmSync(join(piped, name));
        spawnSync("mkfifo", [join(piped, name)]);
        rmSync(join(device, name));
        symlinkSync("/dev/zero", join(device, name));
      }
      for (const folder of [piped, device])
        expect(await readRun({ folder })).toMatchObject({
          state: "unreadable",
          problem: "status.json: this is not a file",
        });
    },
  );

  test("a run without a status is being started", async () => {
    const folder = writeRun(temporaryPlace(), "a", { status: null });
    expect((await readRun({ folder })).state).toBe("preparing");
  });

  test("its fingerprint changes with its files", async () => {
    const folder = writeRun(temporaryPlace(), "a");
    const before = await fingerprint(folder);
    expect(await fingerprint(folder)).toBe(before);
    appendFileSync(join(folder, "metrics.jsonl"), "{}\n");
    expect(await fingerprint(folder)).not.toBe(before);
    rmSync(folder, { recursive: true });
    expect(await fingerprint(folder)).toBe("-, -, -, -");
  });
});

describe("the tail of a file", () => {
  const file = (text: string) => {
    const path = join(temporaryPlace(), "file");
    writeFileSync(path, text);
    return path;
  };

  test("is whole lines alone", async () => {
    expect(await readTail(file(""))).toBe("");
    expect(await readTail(file("torn"))).toBe("");
    expect(await readTail(file("a\nb\nto"))).toBe("a\nb\n");
  });

  test("begins at a line, however long the file and its lines are", async () => {
    const long = "é".repeat(90_000);
    expect(await readTail(file(`${long}\n${long}\nlast\n`))).toBe("last\n");
    expect(await readTail(file(`${long}\n${long}\nto`))).toBe(`${long}\n`);
  });

  test("is empty where the last line is longer than the limit", async () => {
    const long = "x".repeat(1000);
    expect(await readTail(file(`a\n${long}\n`), 100)).toBe("");
  });
});

describe("finding runs", () => {
  test("in a place, and in its groups, and no deeper", async () => {
    const place = temporaryPlace();
    const alone = writeRun(place, "alone");
    const arm = writeRun(join(place, "arms"), "top");
    writeRun(join(place, "arms", "deeper"), "lost");
    mkdirSync(join(place, "empty"));
    writeFileSync(join(place, "file"), "");
    const found = await findRuns(place);
    expect(found).toHaveLength(2);
    expect(found).toContainEqual({ folder: alone });
    expect(found).toContainEqual({ folder: arm, group: "arms" });
  });

  test("the place may be a run itself, or missing", async () => {
    const folder = writeRun(temporaryPlace(), "a");
    expect(await findRuns(folder)).toEqual([{ folder }]);
    expect(await findRuns(join(folder, "no such folder"))).toEqual([]);
  });

  test("a folder that lost its run.json is still a run", async () => {
    const place = temporaryPlace();
    const folder = writeRun(place, "a");
    rmSync(join(folder, "run.json"));
    expect(await findRuns(place)).toEqual([{ folder }]);
    expect(await readRun({ folder })).toMatchObject({
      state: "unreadable",
      problem: "run.json is missing",
    });
  });
});
