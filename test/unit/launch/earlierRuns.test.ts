import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { RunDescription } from "../../../core/run/folder";
import { readRunFile } from "../../../core/run/runFile";
import { earlierRun } from "../../../extension/launch/earlierRuns";
import type { Run } from "../../../extension/runs/run";

const root = mkdtempSync(join(tmpdir(), "forksight-earlier-"));
afterAll(() => rmSync(root, { recursive: true }));

const MODEL = { path: "/elsewhere/m.gguf", bytes: 1000 };

/** Steps of 128 sequences of 40 and 200 tokens, 20 seconds each. */
const LINE = {
  time: 0,
  "completions/mean_length": 200,
  tokens_per_second: (128 * 240) / 20,
  step_time: 20,
  "step_time/rollout": 14,
  "step_time/score": 0,
  "step_time/update": 5,
};

function run(
  name: string,
  metrics: string,
  changes: Partial<RunDescription> = {},
): Run {
  const folder = join(root, name);
  mkdirSync(folder);
  writeFileSync(join(folder, "metrics.jsonl"), metrics);
  const read = readRunFile(
    "model: m.gguf\ndata: {train: d}\nrollout: {promptsPerStep: 16}\n",
  );
  if (!read.ok) throw new Error("the settings do not hold");
  const file = { ...MODEL, sha256: "", path: "/here/m.gguf" };
  const description: RunDescription = {
    format: 1,
    name,
    engine: "embedded",
    created: "",
    runFile: "",
    settings: read.settings,
    seed: 1,
    versions: { forksight: "0" },
    model: file,
    data: { train: file, eval: {} },
    ...changes,
  };
  return { folder, name, state: "done", description };
}

const lines = (steps: number[]) =>
  steps.map((step) => `${JSON.stringify({ ...LINE, step })}\n`).join("");

describe("earlierRun", () => {
  it("takes lengths and times from the last steps, not from the evaluation before the first", async () => {
    const base = '{"step": 0, "time": 0, "eval/test/accuracy": 0.1}\n';
    const found = await earlierRun(
      [run("good", base + lines([1, 2, 3]) + '{"step": 4, "ti')],
      MODEL,
    );
    expect(found).toMatchObject({ name: "good", tokensPerSecond: 1536 });
    expect(found?.lengths.meanPrompt).toBeCloseTo(40);
    expect(found?.lengths.meanCompletion).toBe(200);
    expect(found?.times).toEqual({
      rollout: 14,
      score: 0,
      update: 5,
      other: 1,
    });
  });

  it("passes over runs that say nothing of this model here", async () => {
    const other = { path: "/x/other.gguf", bytes: 1000, sha256: "" };
    const runs = [
      run("other-model", lines([1]), { model: other }),
      run("other-engine", lines([1]), { engine: "trl" }),
      run("no-step", ""),
      run("foreign", lines([1]), { settings: { lr: 1 } }),
      { folder: join(root, "gone"), name: "gone", state: "unreadable" } as Run,
    ];
    expect(await earlierRun(runs, MODEL)).toBeUndefined();
    const last = run("last", lines([1]));
    expect((await earlierRun([...runs, last], MODEL))?.name).toBe("last");
  });
});
