/** Runs of the bigram policy in temporary folders. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";
import { parseOverride } from "../../../core/run/runFile";
import type { MetricsLine } from "../../../core/run/folder";
import { readMetrics } from "../../../core/run/readFolder";
import {
  type Outcome,
  resumeRun,
  startRun,
  type TrainerOptions,
} from "../../../native/trainer/trainer";
import { bigramPolicy, type BigramPolicy } from "./bigramPolicy";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0))
    rmSync(folder, { recursive: true, force: true });
});

export const RUN_FILE = `
model: model.gguf
data:
  train: train.jsonl
  eval: {held: held.jsonl}
reward: {kind: exact}
rollout: {promptsPerStep: 4, groupSize: 8, maxTokens: 4}
optimizer: {learningRate: 0.2}
steps: 6
eval: {every: 3, samples: 4}
analysis: {every: 3}
checkpoints: {every: 2, keep: 2}
seed: 5
`;

/** A workspace with a run file, data and something that stands for a model. */
export function workspace(): string {
  const folder = mkdtempSync(join(tmpdir(), "forksight-"));
  folders.push(folder);
  const problem = (letter: string) => {
    const next = String.fromCharCode(letter.charCodeAt(0) + 3);
    return JSON.stringify({ prompt: letter, answer: next, completion: next });
  };
  const lines = [..."ab"].map(problem).join("\n");
  writeFileSync(join(folder, "train.jsonl"), `${lines}\n`);
  writeFileSync(join(folder, "held.jsonl"), `${lines}\n`);
  writeFileSync(join(folder, "model.gguf"), "GGUF");
  writeFileSync(join(folder, "run.forksight.yaml"), RUN_FILE);
  return folder;
}

export interface Trained {
  readonly folder: string;
  readonly policy: BigramPolicy;
  readonly outcome: Outcome;
}

export function trainerOptions(
  policy: BigramPolicy,
  more: Partial<TrainerOptions> = {},
): TrainerOptions {
  return {
    versions: { forksight: "0.0.0", llamaCpp: "none" },
    trustRewards: false,
    onlooker: { line: () => undefined, note: () => undefined },
    abort: new AbortController().signal,
    stopAsked: () => false,
    openPolicy: () => Promise.resolve({ policy, remarks: [] }),
    ...more,
  };
}

export async function train(
  sets: readonly string[] = [],
  more: Partial<TrainerOptions> & { at?: string; policy?: BigramPolicy } = {},
): Promise<Trained> {
  const at = more.at ?? workspace();
  const policy = more.policy ?? bigramPolicy();
  const folder = join(at, "out");
  const { outcome } = await startRun(
    join(at, "run.forksight.yaml"),
    folder,
    sets.map((one) => parseOverride(one)!),
    trainerOptions(policy, more),
  );
  return { folder, policy, outcome };
}

export async function resume(
  folder: string,
  more: Partial<TrainerOptions> & {
    steps?: number;
    policy?: BigramPolicy;
  } = {},
): Promise<Outcome> {
  const policy = more.policy ?? bigramPolicy();
  return resumeRun(folder, more.steps, trainerOptions(policy, more));
}

export function metricsOf(folder: string): readonly MetricsLine[] {
  const read = readMetrics(readFileSync(join(folder, "metrics.jsonl"), "utf8"));
  if (read.bad.length > 0 || read.torn !== "")
    throw new Error(`metrics.jsonl is damaged: ${JSON.stringify(read.bad)}`);
  return read.lines;
}

/** All but what the clock says. */
export function timeless(lines: readonly MetricsLine[]): unknown[] {
  return lines.map((line) =>
    Object.fromEntries(
      Object.entries(line).filter(
        ([name]) =>
          name !== "time" &&
          name !== "tokens_per_second" &&
          !name.startsWith("step_time"),
      ),
    ),
  );
}
