import { describe, expect, it } from "vitest";
import type { ModelShape } from "../../../core/engine/protocol";
import {
  estimateMemory,
  estimateStepTime,
  type Lengths,
  stepWork,
} from "../../../core/run/estimate";
import { parseOverride, readRunFile } from "../../../core/run/runFile";

/** models/pocket.gguf */
const POCKET: ModelShape = {
  layers: 6,
  width: 128,
  forward: 384,
  heads: 4,
  kvHeads: 2,
  keySize: 32,
  valueSize: 32,
  vocabulary: 640,
  blockParameters: 1_181_568,
  weightBytes: 5_055_488,
};

const LENGTHS: Lengths = {
  longestPrompt: 50,
  meanPrompt: 46,
  meanCompletion: 330,
};

function settingsOf(...overrides: string[]) {
  const read = readRunFile(
    "model: m.gguf\ndata: {train: d.jsonl}\n",
    overrides.map((one) => parseOverride(one)!),
  );
  if (!read.ok) throw new Error(JSON.stringify(read.errors));
  return read.settings;
}

describe("estimateMemory", () => {
  const base = [
    "objective.loss=sft",
    "rollout.promptsPerStep=32",
    "rollout.maxTokens=440",
    "parallel=1",
  ];

  // Peak resident memory of two steps, one thread, on Linux, in megabytes.
  it.each([
    [199, ["microBatchTokens=512"]],
    [369, ["microBatchTokens=2048"]],
    [584, ["microBatchTokens=4096"]],
    [1002, ["microBatchTokens=8192"]],
    [425, ["microBatchTokens=4096", "rollout.maxTokens=90"]],
    [593, ["microBatchTokens=4096", "mask.kind=all"]],
    [306, ["microBatchTokens=512", "parallel=64"]],
  ])("is within 15 %% of the %d MB measured with %j", (measured, overrides) => {
    const { total } = estimateMemory(
      POCKET,
      settingsOf(...base, ...overrides),
      LENGTHS,
    );
    expect(total / 1e6 / measured).toBeGreaterThan(0.85);
    expect(total / 1e6 / measured).toBeLessThan(1.15);
  });

  it("counts no more tokens than a step has", () => {
    const of = (tokens: number) =>
      estimateMemory(
        POCKET,
        settingsOf("rollout.promptsPerStep=1", `microBatchTokens=${tokens}`),
        LENGTHS,
      ).backward;
    expect(of(1e7)).toBe(of(1e6));
    expect(of(1)).toBeGreaterThan(0);
  });
});

describe("estimateStepTime", () => {
  const earlier = {
    settings: settingsOf("rollout.promptsPerStep=16"),
    lengths: LENGTHS,
    times: { rollout: 12, score: 0, update: 4, other: 0.5 },
  };

  it("is the earlier run's own time for its own settings", () => {
    expect(
      estimateStepTime(POCKET, earlier.settings, LENGTHS, earlier),
    ).toBeCloseTo(16.5);
  });

  it("doubles with twice the prompts, but for what does not depend on them", () => {
    const twice = settingsOf("rollout.promptsPerStep=32");
    expect(estimateStepTime(POCKET, twice, LENGTHS, earlier)).toBeCloseTo(32.5);
  });

  it("knows of passes that the earlier run did not make", () => {
    const settings = settingsOf("rollout.promptsPerStep=16", "miniBatches=4");
    const seconds = estimateStepTime(POCKET, settings, LENGTHS, earlier);
    expect(seconds).toBeGreaterThan(16.5 + 2);
    expect(seconds).toBeLessThan(16.5 + 8);
  });

  it("a mask saves only rows of the output matrix", () => {
    const work = (kind: string) =>
      stepWork(POCKET, settingsOf(`mask.kind=${kind}`), LENGTHS).update;
    expect(work("all")).toBeGreaterThan(work("bottom"));
    expect(work("bottom")).toBeGreaterThan(work("top"));
    expect(work("top")).toBe(work("random"));
  });
});
