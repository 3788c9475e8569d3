import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import type { EngineName } from "../../../core/run/engineSettings";
import {
  readDescription,
  readMetrics,
  readRollouts,
  readStatus,
} from "../../../core/run/readFolder";
import { POCKET_MODEL } from "../engine/engineUnderTest";

/** A run of the pocket model, small enough for a test. */
export interface PocketRun {
  /** To be removed. */
  readonly root: string;
  readonly runFile: string;
  /** Not there yet. */
  readonly folder: string;
}

export function makePocketRun(
  engine: EngineName,
  steps: number,
  more: Readonly<Record<string, unknown>> = {},
): PocketRun {
  const root = mkdtempSync(join(tmpdir(), `forksight-${engine}-`));
  const problems = [
    { numbers: [2, 4, 4], target: 12 },
    { numbers: [9, 6, 4], target: 33 },
    { numbers: [1, 2, 4], target: 7 },
  ].map(({ numbers, target }) => {
    const content = `Make ${target} from ${numbers.join(", ")} with + - * /, each number used once.`;
    return JSON.stringify({
      prompt: [{ role: "user", content }],
      numbers,
      target,
    });
  });
  writeFileSync(join(root, "data.jsonl"), `${problems.join("\n")}\n`);
  const settings = {
    engine,
    model: POCKET_MODEL,
    data: { train: "data.jsonl" },
    rollout: { promptsPerStep: 2, groupSize: 4, maxTokens: 24 },
    mask: { rule: "quantile", denominator: "all" },
    steps,
    eval: { every: 0 },
    analysis: { every: 0 },
    checkpoints: { every: 1 },
    gpu: "off",
    threads: 1,
    ...more,
  };
  const runFile = join(root, "pocket.forksight.yaml");
  writeFileSync(runFile, JSON.stringify(settings));
  return { root, runFile, folder: join(root, "run") };
}

export function statusOf(folder: string) {
  const read = readStatus(readFileSync(join(folder, "status.json"), "utf8"));
  if (!read.ok) throw new Error(read.message);
  return read.value;
}

/** Resolves once the run's state is one of these. @throws Error with the status where that takes too long */
export async function untilState(
  folder: string,
  states: readonly string[],
  limit: number,
): Promise<void> {
  const end = Date.now() + limit;
  let last = "none";
  while (Date.now() < end) {
    try {
      const status = statusOf(folder);
      if (states.includes(status.state)) return;
      last = `${status.state}, step ${status.step}: ${status.message}`;
    } catch {
      // Not written yet.
    }
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error(`The run is still ${last}.`);
}

/** Holds a folder to what the window reads of it: all of it well-formed, a line and a file of rollouts for each step. */
export function expectWholeRun(folder: string, engine: string, steps: number) {
  const text = (name: string) => readFileSync(join(folder, name), "utf8");
  expect(readDescription(text("run.json"))).toMatchObject({
    ok: true,
    value: { engine },
  });
  const metrics = readMetrics(text("metrics.jsonl"));
  expect(metrics).toMatchObject({ bad: [], torn: "" });
  const trained = metrics.lines.filter(({ step }) => step > 0);
  expect(trained.map(({ step }) => step)).toEqual(
    Array.from({ length: steps }, (_, i) => i + 1),
  );
  for (const { step, entropy } of trained) {
    expect(entropy).toBeGreaterThan(0);
    const rollouts = readRollouts(text(`rollouts/step-${step}.jsonl`));
    expect(rollouts.bad).toEqual([]);
    expect(rollouts.lines).toHaveLength(8);
  }
  expect(readdirSync(join(folder, "checkpoints", `step-${steps}`))).toContain(
    "adapter.gguf",
  );
  expect(statusOf(folder)).toMatchObject({ state: "done", step: steps });
}
