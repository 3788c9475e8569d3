/** What the scorer says to bad files and bad arguments. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Addon, Model, ScoreOptions } from "../../native/addon/binding";
import { writeRandomGguf, type Shape } from "../bench/randomGguf";
import { fixturePath, libraryFolder, makeScorer, openAddon } from "./openAddon";

const OPTIONS: ScoreOptions = { temperature: 1, topK: 4, from: 0 };
const TINY: Shape = {
  vocabulary: 300,
  layers: 1,
  hidden: 64,
  heads: 2,
  kvHeads: 1,
  headDimension: 32,
  feedForward: 64,
  context: 256,
};
let addon: Addon;
let model: Model;
let bytes: Buffer;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "forksight-errors-"));
  addon = openAddon();
  bytes = await readFile(fixturePath("model.gguf"));
  model = await addon.loadModel(fixturePath("model.gguf"), { gpuLayers: 0 });
});
afterAll(async () => {
  model.free();
  await rm(folder, { recursive: true });
});

async function load(name: string, content: Uint8Array): Promise<Model> {
  const path = join(folder, name);
  await writeFile(path, content);
  return addon.loadModel(path, { gpuLayers: 0 });
}

describe("a file that is no model", () => {
  it("is refused where it is missing", async () => {
    const path = join(folder, "none.gguf");
    await expect(addon.loadModel(path, { gpuLayers: 0 })).rejects.toMatchObject(
      { code: "BAD_MODEL", message: `There is no model file ${path}.` },
    );
    await expect(
      addon.loadModel(folder, { gpuLayers: 0 }),
    ).rejects.toMatchObject({ code: "BAD_MODEL" });
  });

  it("is refused where it is foreign or empty", async () => {
    for (const content of ["", "GG", "not a model at all"]) {
      await expect(load("foreign.gguf", Buffer.from(content))).rejects.toThrow(
        /foreign\.gguf is not a GGUF model/,
      );
    }
  });

  it("is refused where it is truncated, with llama.cpp's reason", async () => {
    for (const part of [0.0005, 0.01, 0.5, 0.99]) {
      const cut = bytes.subarray(0, Math.floor(bytes.length * part));
      const failure = (await load("cut.gguf", cut).catch(
        (error: unknown) => error,
      )) as Error;
      expect(failure).toMatchObject({ code: "BAD_MODEL" });
      expect(failure.message).toMatch(/cut\.gguf does not load: .{10}/);
      expect(failure.message).not.toContain("no reason");
    }
  });

  it("is refused where llama.cpp does not know its architecture", async () => {
    const other = Buffer.from(bytes);
    // general.architecture's value, and the prefix of its keys with it, keep their length.
    for (
      let at = other.indexOf("qwen3");
      at >= 0;
      at = other.indexOf("qwen3")
    ) {
      other.write("qwenX", at);
    }
    await expect(load("other.gguf", other)).rejects.toThrow(
      /unknown model architecture: 'qwenX'/,
    );
  });

  it("is refused as an adapter that does not fit", () => {
    expect(() =>
      makeScorer(model, { adapterPath: join(folder, "none.gguf") }),
    ).toThrow(/LoRA adapter .*none\.gguf/);
    expect(() =>
      makeScorer(model, { adapterPath: fixturePath("model.gguf") }),
    ).toThrow(/LoRA adapter .*model\.gguf/);
  });
});

it("refuses a model that has no next-token distribution", async () => {
  const path = join(folder, "embedding.gguf");
  writeRandomGguf(path, TINY, new Map([["qwen3.pooling_type", { u32: 3 }]]));
  const embedding = await addon.loadModel(path, { gpuLayers: 0 });
  expect(embedding.hasDecoder).toBe(false);
  expect(() => makeScorer(embedding)).toThrow(/no causal language model/);
  embedding.free();
});

it("says which token a damaged model gives no distribution for", async () => {
  // The last layer's output norm, scaled to overflow: infinite logits.
  const damaged = Buffer.from(bytes);
  damaged.fill(0xff, damaged.length - 4096);
  const broken = await load("damaged.gguf", damaged);
  for (const reduce of ["host", "device"] as const) {
    const scorer = makeScorer(broken, { reduce });
    await expect(
      scorer.score(Int32Array.of(1, 2, 3), OPTIONS),
    ).rejects.toMatchObject({
      code: "DECODE_FAILED",
      message: expect.stringContaining("token 1 of the sequence") as string,
    });
    scorer.free();
  }
  broken.free();
});

describe("arguments", () => {
  it.each<[Partial<ScoreOptions>, RegExp]>([
    [{ temperature: 0 }, /temperature must be between/],
    [{ temperature: Number.NaN }, /temperature must be between/],
    [{ topK: 282 }, /more than the vocabulary of 281/],
    [{ topK: 1.5 }, /topK must be a whole number/],
    [{ from: 9 }, /from is 9, behind the end of 3 tokens/],
    [{ from: -1 }, /from must be a whole number/],
  ])("%o is refused", async (options, message) => {
    const scorer = makeScorer(model);
    const call = () =>
      Promise.resolve().then(() =>
        scorer.score(Int32Array.of(1, 2, 3), { ...OPTIONS, ...options }),
      );
    await expect(call()).rejects.toThrow(message);
    await expect(call()).rejects.toMatchObject({ code: "BAD_INPUT" });
    scorer.free();
  });

  it("names the token that is outside the vocabulary", async () => {
    const scorer = makeScorer(model);
    for (const id of [281, -1]) {
      await expect(scorer.score(Int32Array.of(1, id), OPTIONS)).rejects.toThrow(
        `token id ${id} at index 1 is outside the vocabulary`,
      );
    }
    scorer.free();
    expect(() => model.pieces(Int32Array.of(281))).toThrow(/outside/);
  });

  it("says which option of a scorer is wrong", () => {
    expect(() => makeScorer(model, { contextSize: 4 })).toThrow(/contextSize/);
    expect(() => makeScorer(model, { threads: -1 })).toThrow(/threads/);
    expect(() => makeScorer(model, { precision: "half" as never })).toThrow(
      /precision/,
    );
  });
});

it("opens one folder of libraries per process", () => {
  expect(addon.open(libraryFolder()).devices.at(-1)?.kind).toBe("cpu");
  expect(() => addon.open(folder)).toThrow(/start a new process/);
});
