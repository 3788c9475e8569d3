/** The trainer's process over the pocket model: killed, resumed, stopped, and left alone by its parent. */
import { spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { MetricsLine, RunStatus } from "../../core/run/folder";
import { readMetrics, readStatus } from "../../core/run/readFolder";
import { inRepository } from "./engine/engineUnderTest";

/** One run of the process under load. */
const PATIENCE = 300_000;
const CLI = inRepository("dist/cli.mjs");

let folder: string;
let runFile: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "forksight-trainer-"));
  runFile = join(folder, "small.forksight.yaml");
  const problems = [
    "Make 12 from 2, 4 and 4 with + - * /, each number used once.",
    "Make 33 from 9, 6 and 4 with + - * /, each number used once.",
    "Make 7 from 1, 2 and 4 with + - * /, each number used once.",
  ].map((content) => JSON.stringify({ prompt: [{ role: "user", content }] }));
  writeFileSync(join(folder, "data.jsonl"), `${problems.join("\n")}\n`);
  // Differs from rollout to rollout, so that every step has a gradient.
  writeFileSync(
    join(folder, "reward.mjs"),
    `export default ({ completions }) =>
       completions.map(([{ content }]) => content.split(" ").length % 7);\n`,
  );
  writeFileSync(
    runFile,
    `model: ${JSON.stringify(inRepository("models/pocket.gguf"))}
data: {train: data.jsonl, eval: {held: data.jsonl}}
reward: {kind: javascript, file: reward.mjs}
rollout: {promptsPerStep: 2, groupSize: 4, maxTokens: 24}
objective: {beta: 0.01}
miniBatches: 2
steps: 6
eval: {every: 2}
analysis: {every: 2}
checkpoints: {every: 2}
gpu: off
threads: 1
`,
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function cli(...args: string[]) {
  return spawnSync(process.execPath, [CLI, ...args], { encoding: "utf8" });
}

const train = (out: string, ...more: string[]) => [
  "train",
  runFile,
  "--trust-rewards",
  "--out",
  join(folder, out),
  ...more,
];

function metricsOf(out: string): readonly MetricsLine[] {
  const path = join(folder, out, "metrics.jsonl");
  return existsSync(path) ? readMetrics(readFileSync(path, "utf8")).lines : [];
}

function statusOf(out: string): RunStatus | undefined {
  const path = join(folder, out, "status.json");
  if (!existsSync(path)) return undefined;
  const read = readStatus(readFileSync(path, "utf8"));
  return read.ok ? read.value : undefined;
}

/** All but what the clock says. */
function timeless(lines: readonly MetricsLine[]) {
  return lines.map((line) =>
    Object.fromEntries(
      Object.entries(line).filter(
        ([name]) => !/^(time|tokens_per_second|step_time.*)$/.test(name),
      ),
    ),
  );
}

/** Starts a run that ends by SIGKILL after `milliseconds`, unless it has ended before. */
function runFor(milliseconds: number, args: string[]): Promise<void> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [CLI, ...args], { stdio: "ignore" });
    const timer = setTimeout(() => child.kill("SIGKILL"), milliseconds);
    child.on("exit", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

describe("a run that is killed", () => {
  it(
    "goes on with the numbers of one that was not, wherever the kill falls",
    async () => {
      const began = Date.now();
      const whole = cli(...train("whole"));
      expect([whole.status, whole.stdout, whole.stderr]).toEqual([0, "", ""]);
      const duration = Date.now() - began;
      const expected = timeless(metricsOf("whole"));
      expect(expected).toHaveLength(7);
      expect(new Set(expected.map(({ grad_norm }) => grad_norm)).size).toBe(7);

      const kills: number[] = [];
      for (let n = 0; n < 5 && statusOf("killed")?.state !== "done"; n++) {
        const started = existsSync(join(folder, "killed", "run.json"));
        kills.push(Math.round(duration * (0.2 + 0.6 * Math.random())));
        await runFor(
          kills.at(-1)!,
          started
            ? ["resume", join(folder, "killed"), "--trust-rewards"]
            : train("killed"),
        );
      }
      const last = cli("resume", join(folder, "killed"), "--trust-rewards");
      expect(
        [last.status, last.stderr],
        `killed after ${kills.join(", ")} ms`,
      ).toEqual([0, ""]);
      expect(
        timeless(metricsOf("killed")),
        `killed after ${kills.join(", ")} ms`,
      ).toEqual(expected);
    },
    5 * PATIENCE,
  );
});

describe("a run that is asked to stop", () => {
  it(
    "stops after the step under way, detached from a parent that is gone, and resumes",
    async () => {
      // The parent starts it detached and ends at once, its end of the pipe closed.
      const parent = spawnSync(
        process.execPath,
        [
          "-e",
          `const { spawn } = require("node:child_process");
           const child = spawn(process.execPath, ${JSON.stringify([CLI, ...train("stopped")])},
             { detached: true, stdio: ["ignore", "pipe", "pipe"] });
           child.unref();
           process.exit(0);`,
        ],
        { encoding: "utf8" },
      );
      expect(parent.status).toBe(0);
      await expect
        .poll(() => metricsOf("stopped").length, {
          timeout: PATIENCE,
          interval: 100,
        })
        .toBeGreaterThan(1);
      writeFileSync(join(folder, "stopped", "stop"), "");
      await expect
        .poll(() => statusOf("stopped")?.state, {
          timeout: PATIENCE,
          interval: 100,
        })
        .toBe("stopped");
      await expect
        .poll(() => existsSync(join(folder, "stopped", "lock")), {
          timeout: PATIENCE,
        })
        .toBe(false);
      const { step } = statusOf("stopped")!;
      expect(metricsOf("stopped").at(-1)!.step).toBe(step);
      expect(
        existsSync(
          join(
            folder,
            "stopped",
            "checkpoints",
            `step-${step}`,
            "adapter.gguf",
          ),
        ),
      ).toBe(true);
      const resumed = cli("resume", join(folder, "stopped"), "--trust-rewards");
      expect([resumed.status, resumed.stderr]).toEqual([0, ""]);
      expect(timeless(metricsOf("stopped"))).toEqual(
        timeless(metricsOf("whole")),
      );
    },
    3 * PATIENCE,
  );

  it(
    "saves on SIGTERM",
    async () => {
      const child = spawn(process.execPath, [CLI, ...train("ended")], {
        stdio: "ignore",
      });
      const ended = new Promise((resolve) => child.on("exit", resolve));
      await expect
        .poll(() => statusOf("ended")?.state, {
          timeout: PATIENCE,
          interval: 100,
        })
        .toBe("running");
      child.kill("SIGTERM");
      expect(await ended).toBe(0);
      expect(statusOf("ended")!.state).toBe("stopped");
    },
    PATIENCE,
  );
});

describe("wrong usage and wrong input", () => {
  it("says what is wrong in one line", () => {
    const unknown = cli(...train("x", "--set", "mask.roh=1"));
    expect(unknown.status).toBe(1);
    expect(unknown.stderr).toMatch(
      /^forksight: .*mask\.roh: there is no such setting\. Did you mean `rho`\?.*\n$/,
    );
    expect(cli("train").status).toBe(2);
    expect(cli("resume", folder, "--set", "seed=2").status).toBe(2);
    const none = cli("resume", folder);
    expect([none.status, none.stderr.split("\n").length]).toEqual([1, 2]);
    const model = cli(...train("y", "--set", `model=${runFile}`));
    expect(model.status).toBe(1);
    expect(model.stderr).toMatch(/GGUF/);
    const untrusted = cli("train", runFile, "--out", join(folder, "z"));
    expect(untrusted.status).toBe(1);
    expect(untrusted.stderr).toMatch(/--trust-rewards/);
    expect(existsSync(join(folder, "z"))).toBe(false);
  });
});
