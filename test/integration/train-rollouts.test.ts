/** The rollout engine: what it records, what it samples, and that scheduling changes nothing. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Model } from "../../native/addon/binding";
import type {
  Rollout,
  RolloutProgress,
  SamplingOptions,
} from "../../native/addon/rollouts";
import type { TrainingAddon } from "../../native/addon/training";
import { fixturePath, makeScorer } from "./openAddon";
import { openTraining, trainPath } from "./openTraining";

const PROMPTS = [
  [5, 9, 33, 60],
  [7],
  [99, 12, 13, 200, 201, 14],
  [5, 9, 33, 61],
  [42, 42, 42],
].map((ids) => Int32Array.from(ids));

const OPTIONS: SamplingOptions = {
  groupSize: 4,
  maxTokens: 24,
  temperature: 0.8,
  topP: 0.95,
  topK: 0,
  minP: 0,
  seed: 11,
  stopIds: [3, 7, 11, 100, 200, 210, 220],
};

let addon: TrainingAddon;
let model: Model;
const folder = mkdtempSync(join(tmpdir(), "forksight-rollouts-"));

beforeAll(async () => {
  addon = openTraining();
  model = await addon.loadModel(fixturePath("model.gguf"), { gpuLayers: 0 });
});
afterAll(() => {
  model.free();
  rmSync(folder, { recursive: true, force: true });
});

function engine(parallel: number, contextSize = 48, threads = 1) {
  return addon.createRollouts(model, {
    contextSize,
    parallel,
    threads,
    precision: "exact",
  });
}

async function generate(
  parallel: number,
  options: Partial<SamplingOptions> = {},
  prompts = PROMPTS,
): Promise<Rollout[]> {
  const rollouts = engine(parallel);
  try {
    return await rollouts.generate(prompts, { ...OPTIONS, ...options });
  } finally {
    rollouts.free();
  }
}

/** Everything that is sampled; log-probabilities differ in the last bits with the size of the batch. */
function texts(rollouts: readonly Rollout[]): string[] {
  return rollouts.map(
    ({ ids, finished }) => `${ids.join(" ")}${finished ? " end" : ""}`,
  );
}

test("the same seed gives the same rollouts, however many run at once", async () => {
  const alone = texts(await generate(1));
  expect(alone).toHaveLength(20);
  // Finished ones of different length, so slots are refilled and gaps closed on the way.
  expect(new Set(alone.map((text) => text.length)).size).toBeGreaterThan(4);
  expect(alone.some((text) => text.endsWith("end"))).toBe(true);
  for (const parallel of [2, 3, 7, 20, 32]) {
    expect(texts(await generate(parallel)), `${parallel} at once`).toEqual(
      alone,
    );
  }
  expect(texts(await generate(7, { seed: 12 }))).not.toEqual(alone);
  // A rollout is told by its prompt's place and its own place in the group alone.
  const fewer = texts(await generate(3, {}, PROMPTS.slice(0, 2)));
  expect(fewer).toEqual(alone.slice(0, 8));
});

test("contexts side by side say what one says, and again the same to the last bit", async () => {
  const alone = await generate(1);
  const rollouts = engine(32, 48, 3);
  const first = await rollouts.generate(PROMPTS, OPTIONS);
  expect(texts(first)).toEqual(texts(alone));
  expect(await rollouts.generate(PROMPTS, OPTIONS)).toEqual(first);
  // Fewer prompts than contexts: a group is divided.
  const one = await rollouts.generate(PROMPTS.slice(0, 1), OPTIONS);
  expect(texts(one)).toEqual(texts(alone.slice(0, 4)));
  const aborted = AbortSignal.abort();
  await expect(
    rollouts.generate(PROMPTS, OPTIONS, undefined, aborted),
  ).rejects.toMatchObject({ name: "AbortError" });
  rollouts.free();
});

test("recorded entropies and log-probabilities are those of a fresh score", async () => {
  const scorer = makeScorer(model, { threads: 1, contextSize: 64 });
  const rollouts = await generate(6, { topK: 20, minP: 0.01 });
  for (const [i, rollout] of rollouts.entries()) {
    const prompt = PROMPTS[Math.floor(i / OPTIONS.groupSize)]!;
    const scores = await scorer.score(
      Int32Array.from([...prompt, ...rollout.ids]),
      { temperature: OPTIONS.temperature, topK: 0, from: prompt.length },
    );
    expect(rollout.logprob).toHaveLength(rollout.ids.length);
    for (let t = 0; t < rollout.ids.length; t++) {
      expect(Math.abs(rollout.entropy[t]! - scores.entropy[t]!)).toBeLessThan(
        2e-5,
      );
      expect(Math.abs(rollout.logprob[t]! - scores.logprob[t]!)).toBeLessThan(
        5e-5,
      );
    }
  }
  scorer.free();
});

test("a rollout ends with its stop token, at maxTokens, or where the context ends", async () => {
  const stops = new Set(OPTIONS.stopIds);
  for (const { ids, finished } of await generate(5)) {
    const last = ids[ids.length - 1]!;
    expect(finished).toBe(stops.has(last));
    expect(ids.slice(0, -1).some((id) => stops.has(id))).toBe(false);
    expect(finished || ids.length === OPTIONS.maxTokens).toBe(true);
  }
  const rollouts = engine(3, 10);
  const short = await rollouts.generate(PROMPTS, { ...OPTIONS, stopIds: [] });
  expect(short.map(({ ids }) => ids.length)).toEqual(
    PROMPTS.flatMap((prompt) => Array<number>(4).fill(10 - prompt.length)),
  );
  rollouts.free();
});

/** What softmax(logits / T), then top-k, then top-p over the rest, then min-p leave, by id: written from the definition. */
function filtered(
  logprobs: ReadonlyMap<number, number>,
  { topK, topP, minP }: SamplingOptions,
): Map<number, number> {
  let left = [...logprobs]
    .map(([id, logprob]) => ({ id, p: Math.exp(logprob) }))
    .sort((a, b) => b.p - a.p || a.id - b.id);
  if (topK > 0) left = left.slice(0, topK);
  const whole = left.reduce((sum, { p }) => sum + p, 0);
  if (topP < 1) {
    let mass = 0;
    let count = 0;
    while (mass < topP * whole) mass += left[count++]!.p;
    left = left.slice(0, count);
  }
  left = left.filter(({ p }) => p >= minP * left[0]!.p);
  const kept = left.reduce((sum, { p }) => sum + p, 0);
  return new Map(left.map(({ id, p }) => [id, p / kept]));
}

for (const [name, change] of Object.entries({
  "temperature alone": { temperature: 0.9 },
  "top-p": { temperature: 1.2, topP: 0.8 },
  "top-k": { temperature: 1.3, topK: 12 },
  "min-p": { temperature: 1, minP: 0.15 },
  "all of them": { temperature: 1.2, topK: 30, topP: 0.9, minP: 0.05 },
})) {
  test(`samples follow the distribution: ${name}`, async () => {
    const options = {
      ...OPTIONS,
      topP: 1,
      groupSize: 4000,
      maxTokens: 1,
      stopIds: [],
      ...change,
    };
    const prompt = PROMPTS[2]!;
    const scorer = makeScorer(model, { threads: 1, contextSize: 64 });
    const size = model.vocabularySize;
    const scores = await scorer.score(Int32Array.from([...prompt, 0]), {
      temperature: options.temperature,
      topK: size,
      from: prompt.length,
    });
    scorer.free();
    const expected = filtered(
      new Map([...scores.topIds].map((id, i) => [id, scores.topLogprobs[i]!])),
      options,
    );
    const counts = new Map<number, number>();
    for (const { ids } of await generate(64, options, [prompt])) {
      counts.set(ids[0]!, (counts.get(ids[0]!) ?? 0) + 1);
    }
    for (const id of counts.keys()) expect(expected.has(id)).toBe(true);
    const { statistic, freedom } = chiSquare(
      counts,
      expected,
      options.groupSize,
    );
    // Wilson and Hilferty: the cube root of chi-square / df is nearly normal. 4 deviations: one in 30,000.
    const z =
      (Math.cbrt(statistic / freedom) - (1 - 2 / (9 * freedom))) /
      Math.sqrt(2 / (9 * freedom));
    expect(freedom).toBeGreaterThan(2);
    expect(z).toBeLessThan(4);
  });
}

/** Cells with fewer than 5 expected are joined into one. */
function chiSquare(
  counts: ReadonlyMap<number, number>,
  expected: ReadonlyMap<number, number>,
  total: number,
): { statistic: number; freedom: number } {
  let statistic = 0;
  let cells = 0;
  const rest = { count: 0, expected: 0 };
  for (const [id, p] of expected) {
    const count = counts.get(id) ?? 0;
    if (p * total < 5) {
      rest.count += count;
      rest.expected += p * total;
    } else {
      statistic += (count - p * total) ** 2 / (p * total);
      cells++;
    }
  }
  if (rest.expected > 1) {
    statistic += (rest.count - rest.expected) ** 2 / rest.expected;
    cells++;
  }
  return { statistic, freedom: cells - 1 };
}

test("an adapter changes the rollouts to what the trainer says, and comes off again", async () => {
  const kernel = await addon.createTrainer(fixturePath("model.gguf"), {
    rank: 4,
    alpha: 16,
    targets: ["attn_v", "ffn_down"],
    seed: 5,
    threads: 1,
  });
  for (const name of kernel.parameterNames()) {
    if (!name.endsWith("lora_b")) continue;
    const values = kernel.parameter(name);
    kernel.setParameter(
      name,
      values.map((_, i) => 0.2 * Math.sin(i)),
    );
  }
  const path = join(folder, "adapter.gguf");
  kernel.saveAdapter(path);
  const rollouts = engine(4);
  const run = () => rollouts.generate(PROMPTS, OPTIONS);
  const before = await run();
  rollouts.setAdapter(path, 1);
  const after = await run();
  expect(texts(after)).not.toEqual(texts(before));
  for (const [i, { ids, logprob }] of after.entries()) {
    const prompt = PROMPTS[Math.floor(i / OPTIONS.groupSize)]!;
    const all = Int32Array.from([...prompt, ...ids]);
    const columns = await kernel.forward({
      ids: all,
      offsets: Int32Array.from([0, all.length]),
      targets: Int32Array.from(ids, (_, t) => prompt.length + t),
      temperature: OPTIONS.temperature,
    });
    for (let t = 0; t < ids.length; t++) {
      expect(Math.abs(columns.logprob[t]! - logprob[t]!)).toBeLessThan(1e-4);
    }
  }
  const broken = join(folder, "broken.gguf");
  writeFileSync(broken, "GGUF, but not quite");
  expect(() => rollouts.setAdapter(broken, 1)).toThrow(/broken\.gguf/);
  expect(() => rollouts.setAdapter(trainPath("qwen2-adapter.gguf"), 1)).toThrow(
    /does not (fit|load)/,
  );
  expect(texts(await run())).toEqual(texts(after));
  rollouts.setAdapter(undefined, 1);
  expect(texts(await run())).toEqual(texts(before));
  rollouts.free();
  kernel.free();
});

test("progress counts up, a cancelled call rejects and leaves the engine usable", async () => {
  const rollouts = engine(2);
  const seen: RolloutProgress[] = [];
  const reference = texts(
    await rollouts.generate(PROMPTS, OPTIONS, (progress) => {
      seen.push(progress);
    }),
  );
  const last = seen.at(-1)!;
  expect(last).toMatchObject({ done: 20, total: 20 });
  expect(last.tokens).toBeGreaterThan(100);
  const abort = new AbortController();
  const call = rollouts.generate(
    PROMPTS,
    { ...OPTIONS, groupSize: 500 },
    () => {
      abort.abort();
    },
    abort.signal,
  );
  await expect(call).rejects.toMatchObject({ name: "AbortError" });
  expect(texts(await rollouts.generate(PROMPTS, OPTIONS))).toEqual(reference);
  expect(() => model.free()).toThrow(/rollout engine/);
  rollouts.free();
});

test("what does not fit is refused with a message", async () => {
  const rollouts = engine(2, 16);
  const refused = async (
    prompts: Int32Array[],
    options: Partial<SamplingOptions>,
    message: RegExp,
  ) => {
    const run = async () =>
      rollouts.generate(prompts, { ...OPTIONS, ...options });
    await expect(run()).rejects.toThrow(message);
  };
  await refused([new Int32Array()], {}, /Prompt 0 has 0 tokens/);
  await refused([new Int32Array(16)], {}, /fewer than the context of 16/);
  await refused([Int32Array.from([281])], {}, /outside the vocabulary/);
  await refused(PROMPTS, { temperature: 0 }, /temperature/);
  await refused(PROMPTS, { topP: 0 }, /topP/);
  await refused(PROMPTS, { minP: 1 }, /minP/);
  await refused(PROMPTS, { groupSize: 0 }, /groupSize/);
  expect(await rollouts.generate([], OPTIONS)).toEqual([]);
  rollouts.free();
  expect(() => {
    rollouts.setAdapter(undefined, 1);
  }).toThrow(/freed/);
});
