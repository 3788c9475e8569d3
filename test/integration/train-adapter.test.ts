/** Adapters in GGUF, optimiser, state, and what the trainer refuses. */
import {
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getLlama, LlamaLogLevel } from "node-llama-cpp";
import { afterAll, expect, test } from "vitest";
import type { TokenBatch, TrainingKernel } from "../../native/addon/training";
import { fixturePath, makeScorer } from "./openAddon";
import {
  fixtureBatch,
  fixtureObjective,
  LORA_TARGETS,
  openFixture,
  openTraining,
  relativeError,
  trainFixture,
  trainPath,
} from "./openTraining";
import { seeded } from "../unit/seeded";

const folder = mkdtempSync(join(tmpdir(), "forksight-train-"));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

test("one AdamW step after clipping is torch.optim.AdamW's", async () => {
  const fixture = trainFixture("qwen3");
  const kernel = await openFixture("qwen3", fixture);
  await kernel.accumulate(
    fixtureBatch(fixture),
    fixtureObjective(fixture, { loss: NaN }),
  );
  const result = kernel.optimizerStep(fixture.adamw);
  expect(result.skipped).toBe(false);
  expect(
    Math.abs(result.gradNorm / fixture.gradNorm - 1),
    "gradient norm",
  ).toBeLessThan(1e-5);
  expect(kernel.step).toBe(1);
  for (const name of kernel.parameterNames()) {
    expect(
      relativeError(kernel.parameter(name), fixture.afterStep![name]!),
      name,
    ).toBeLessThan(1e-5);
    expect(kernel.gradient(name).every((g) => g === 0)).toBe(true);
  }
  kernel.free();
});

for (const name of ["qwen3", "qwen2", "llama", "q8_0"]) {
  test(`${name}: a saved adapter changes llama.cpp's log-probabilities as the trainer says`, async () => {
    const fixture = trainFixture(name);
    const kernel = await openFixture(name, fixture);
    const path = join(folder, `${name}.gguf`);
    kernel.saveAdapter(path);
    const addon = openTraining();
    const model = await addon.loadModel(trainPath(`${name}.gguf`), {
      gpuLayers: 0,
    });
    for (const adapter of [false, true]) {
      const scorer = makeScorer(model, {
        threads: 1,
        contextSize: 64,
        ...(adapter ? { adapterPath: path } : {}),
      });
      for (const ids of fixture.sequences) {
        const scores = await scorer.score(Int32Array.from(ids), {
          temperature: fixture.temperature,
          topK: 0,
          from: 1,
        });
        const columns = await kernel.forward(
          oneSequence(ids, fixture.temperature),
          { base: !adapter },
        );
        // Quantised activations are rounded in other blocks there: other batch sizes, other kernels.
        const tolerance = name === "q8_0" ? 5e-2 : 2e-5;
        expect(
          relativeError(scores.logprob, columns.logprob),
          `adapter ${adapter}`,
        ).toBeLessThan(tolerance);
        expect(relativeError(scores.entropy, columns.entropy)).toBeLessThan(
          tolerance,
        );
      }
      scorer.free();
    }
    model.free();
    kernel.free();
  });
}

test("an adapter loads in node-llama-cpp's stock API and means the same there", async () => {
  const kernel = await openTraining().createTrainer(fixturePath("model.gguf"), {
    rank: 4,
    alpha: 8,
    targets: LORA_TARGETS,
    seed: 3,
    threads: 1,
  });
  randomise(kernel, 0.4);
  const path = join(folder, "stock.gguf");
  kernel.saveAdapter(path);
  const ids = [17, 40, 81, 5, 120, 33];
  const llama = await getLlama({
    gpu: false,
    build: "never",
    maxThreads: 1,
    logLevel: LlamaLogLevel.error,
  });
  const model = await llama.loadModel({ modelPath: fixturePath("model.gguf") });
  const [base, adapted] = [
    await kernel.forward(oneSequence(ids, 1), { base: true }),
    await kernel.forward(oneSequence(ids, 1)),
  ];
  expect(relativeError(adapted.logprob, base.logprob)).toBeGreaterThan(0.1);
  for (const lora of [undefined, { adapters: [{ filePath: path }] }]) {
    const context = await model.createContext({
      contextSize: 64,
      flashAttention: false,
      ...(lora ? { lora } : {}),
    });
    const sequence = context.getSequence();
    const evaluated = await sequence.controlledEvaluate(
      ids.map((id) => [id as never, { generateNext: { probabilities: true } }]),
    );
    const columns = lora ? adapted : base;
    for (let i = 1; i < ids.length; i++) {
      const stock = evaluated[i - 1]!.next.probabilities!.get(ids[i] as never)!;
      // The stock API's KV cache is F16.
      expect(Math.abs(Math.log(stock) - columns.logprob[i - 1]!)).toBeLessThan(
        1e-2,
      );
    }
    await context.dispose();
  }
  await llama.dispose();
  kernel.free();
});

test("loadAdapter takes back what saveAdapter wrote, and nothing that belongs elsewhere", async () => {
  const fixture = trainFixture("qwen3");
  const kernel = await openFixture("qwen3", fixture);
  const before = parameters(kernel);
  const path = join(folder, "own.gguf");
  kernel.saveAdapter(path);
  expect(readdirSync(folder).filter((name) => /part/.test(name))).toEqual([]);
  randomise(kernel, 0.1);
  kernel.loadAdapter(path);
  expect(parameters(kernel)).toEqual(before);
  const torn = join(folder, "torn.gguf");
  const bytes = readFileSync(path);
  writeFileSync(torn, bytes.subarray(0, bytes.length - 100));
  expect(() => kernel.loadAdapter(torn)).toThrow(/torn\.gguf/);
  expect(() => kernel.loadAdapter(trainPath("qwen2-adapter.gguf"))).toThrow(
    /no LoRA adapter for a model of the architecture qwen3/,
  );
  expect(() => kernel.loadAdapter(trainPath("mixed-adapter.gguf"))).toThrow(
    /belongs to other LoRA matrices/,
  );
  expect(() => kernel.loadAdapter(join(folder, "none.gguf"))).toThrow(
    /none\.gguf cannot be read/,
  );
  expect(() =>
    kernel.saveAdapter(join(folder, "no", "folder", "a.gguf")),
  ).toThrow(/could not be written/);
  expect(parameters(kernel)).toEqual(before);
  kernel.free();
});

test("training goes on bit for bit from an exported state", async () => {
  const fixture = trainFixture("qwen3");
  const batch = fixtureBatch(fixture);
  const steps = async (kernel: TrainingKernel, count: number) => {
    for (let i = 0; i < count; i++) {
      await kernel.accumulate(batch, fixtureObjective(fixture, { loss: NaN }));
      kernel.optimizerStep(fixture.adamw);
    }
  };
  const first = await openFixture("qwen3", fixture);
  await steps(first, 2);
  const state = first.exportState();
  await steps(first, 2);
  const second = await openFixture("qwen3", fixture);
  second.importState(state);
  expect(second.step).toBe(2);
  await steps(second, 2);
  expect(parameters(second)).toEqual(parameters(first));
  expect(second.exportState()).toEqual(first.exportState());

  const torn = state.slice(0, state.length - 8);
  expect(() => second.importState(torn)).toThrow(/torn/);
  const flipped = state.slice();
  flipped[flipped.length - 100]! ^= 1;
  expect(() => second.importState(flipped)).toThrow(/torn/);
  expect(() => second.importState(new Uint8Array(64))).toThrow(
    /none of Forksight/,
  );
  const other = await openFixture("mixed", trainFixture("mixed"));
  expect(() => other.importState(state)).toThrow(/other LoRA matrices/);
  for (const kernel of [first, second, other]) kernel.free();
});

test("a new adapter leaves the model as it is; the seed decides A", async () => {
  const open = (seed: number) =>
    openTraining().createTrainer(trainPath("qwen3.gguf"), {
      rank: 2,
      alpha: 4,
      targets: ["attn_q", "ffn_down"],
      seed,
      threads: 1,
    });
  const [a, same, other] = [await open(1), await open(1), await open(2)];
  expect(a.parameterNames()).toHaveLength(8);
  expect(parameters(a)).toEqual(parameters(same));
  expect(parameters(a)).not.toEqual(parameters(other));
  const batch = fixtureBatch(trainFixture("qwen3"));
  expect(await a.forward(batch)).toEqual(
    await a.forward(batch, { base: true }),
  );
  for (const kernel of [a, same, other]) kernel.free();
});

test("what does not fit is refused with a message, and the kernel stays usable", async () => {
  const fixture = trainFixture("qwen3");
  const kernel = await openFixture("qwen3", fixture);
  const batch = fixtureBatch(fixture);
  const refused = async (change: Partial<TokenBatch>, message: RegExp) => {
    const run = async () => kernel.forward({ ...batch, ...change });
    await expect(run()).rejects.toThrow(message);
  };
  await refused({ temperature: 0 }, /temperature must be above 0/);
  await refused({ offsets: Int32Array.from([0, 3]) }, /offsets must start/);
  await refused({ targets: Int32Array.from([0]) }, /first of its sequence/);
  await refused({ targets: Int32Array.from([9999]) }, /rising indices/);
  await refused({ targets: new Int32Array() }, /no target/);
  await refused({ ids: batch.ids.map(() => 40) }, /outside the vocabulary/);
  await expect(
    kernel.accumulate(batch, () => {
      throw new Error("the reward program failed");
    }),
  ).rejects.toThrow(/the reward program failed/);
  await expect(
    kernel.accumulate(batch, () => ({
      byLogprob: new Float64Array(1),
      byEntropy: new Float64Array(1),
    })),
  ).rejects.toThrow(/one for each|for each of the/);
  const running = kernel.forward(batch);
  expect(() => kernel.step).toThrow(/one call at a time/);
  expect(() => kernel.free()).toThrow(/at work/);
  await running;
  kernel.free();
  expect(() => kernel.step).toThrow(/freed/);
});

test("models that cannot be trained are refused with what is supported", async () => {
  const addon = openTraining();
  const open = (path: string, targets = LORA_TARGETS) =>
    addon.createTrainer(path, {
      rank: 4,
      alpha: 8,
      targets,
      seed: 1,
      threads: 1,
    });
  const model = readFileSync(trainPath("qwen3.gguf"));
  const changed = (name: string, from: string, to: string) => {
    const bytes = Buffer.from(model);
    for (let at = bytes.indexOf(from); at >= 0; at = bytes.indexOf(from)) {
      bytes.write(to, at, "latin1");
    }
    const path = join(folder, name);
    writeFileSync(path, bytes);
    return path;
  };
  await expect(open(changed("arch.gguf", "qwen3", "gemma"))).rejects.toThrow(
    /architecture gemma.*llama, qwen2 and qwen3/,
  );
  await expect(
    open(changed("tensor.gguf", "attn_k_norm", "attn_z_norm")),
  ).rejects.toThrow(/attn_z_norm.weight is unknown to the trainer/);
  await expect(open(join(folder, "missing.gguf"))).rejects.toThrow(
    /missing\.gguf cannot be read/,
  );
  const cut = join(folder, "cut.gguf");
  writeFileSync(cut, model.subarray(0, model.length - 4096));
  await expect(open(cut)).rejects.toThrow(/cut\.gguf is cut off/);
  await expect(
    (async () => open(trainPath("qwen3.gguf"), ["lm_head" as never]))(),
  ).rejects.toThrow(/no linear layer lm_head/);
});

function oneSequence(ids: readonly number[], temperature: number): TokenBatch {
  return {
    ids: Int32Array.from(ids),
    offsets: Int32Array.from([0, ids.length]),
    targets: Int32Array.from(ids.slice(1), (_, i) => i + 1),
    temperature,
  };
}

function randomise(kernel: TrainingKernel, spread: number): void {
  const random = seeded(9);
  for (const name of kernel.parameterNames()) {
    const values = kernel.parameter(name);
    kernel.setParameter(
      name,
      values.map(() => (2 * random() - 1) * spread),
    );
  }
}

function parameters(kernel: TrainingKernel): Record<string, Float32Array> {
  return Object.fromEntries(
    kernel.parameterNames().map((name) => [name, kernel.parameter(name)]),
  );
}
