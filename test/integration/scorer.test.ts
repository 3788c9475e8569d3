/**
 * The scorer against an independent float64 computation (test/fixtures/qwen3-f32/make_fixture.py), for both precisions
 * and both places of the reduction.
 */
import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Addon, Model, Scores } from "../../native/addon/binding";
import { fixturePath, makeScorer, openAddon } from "./openAddon";

interface ExpectedCase {
  readonly name: string;
  readonly ids: number[];
  readonly temperature: number;
  readonly contextSize: number;
  readonly adapter?: boolean;
  readonly addsBos?: boolean;
  /** Rows for ids[1..]. */
  readonly entropy: number[];
  readonly logprob: number[];
  readonly rank: number[];
  /** Tokens within 2e-5 of that one's logit: F32 may order them otherwise. */
  readonly near: number[];
  readonly topIds: number[][];
  readonly topLogprobs: number[][];
}

interface Expected {
  readonly vocabulary: number;
  readonly top: number;
  readonly cases: ExpectedCase[];
}

const expected = JSON.parse(
  await readFile(fixturePath("expected.json"), "utf8"),
) as Expected;

/** Largest absolute differences in nats over all rows. */
function largestErrors(scores: Scores, wanted: ExpectedCase) {
  const errors = { entropy: 0, logprob: 0, top: 0, ranks: 0, topIds: 0 };
  const grow = (key: keyof typeof errors, a: number, b: number) => {
    const difference = Math.abs(a - b);
    // A NaN must not pass as small.
    errors[key] = difference <= errors[key] ? errors[key] : difference;
  };
  for (let row = 0; row < wanted.entropy.length; row++) {
    const at = row + 1;
    grow("entropy", scores.entropy[at]!, wanted.entropy[row]!);
    grow("logprob", scores.logprob[at]!, wanted.logprob[row]!);
    const moved = Math.abs(scores.rank[at]! - wanted.rank[row]!);
    if (moved > wanted.near[row]!) errors.ranks++;
    for (let k = 0; k < expected.top; k++) {
      const index = at * expected.top + k;
      grow("top", scores.topLogprobs[index]!, wanted.topLogprobs[row]![k]!);
      if (scores.topIds[index] !== wanted.topIds[row]![k]) errors.topIds++;
    }
  }
  return errors;
}

/** The fixture with `tokenizer.ggml.add_bos_token` set: one byte behind the key and its type. */
async function withBos(folder: string): Promise<string> {
  const bytes = await readFile(fixturePath("model.gguf"));
  const key = "tokenizer.ggml.add_bos_token";
  const at = bytes.indexOf(key) + key.length;
  expect(bytes.readUInt32LE(at)).toBe(7); // GGUF_TYPE_BOOL
  bytes[at + 4] = 1;
  const path = join(folder, "bos.gguf");
  await writeFile(path, bytes);
  return path;
}

let addon: Addon;
let model: Model;
let bosModel: Model;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "forksight-scorer-"));
  addon = openAddon();
  model = await addon.loadModel(fixturePath("model.gguf"), { gpuLayers: 0 });
  bosModel = await addon.loadModel(await withBos(folder), { gpuLayers: 0 });
});

afterAll(async () => {
  model.free();
  bosModel.free();
  await rm(folder, { recursive: true });
});

describe.each(["host", "device"] as const)("reduced on the %s", (reduce) => {
  describe.each(expected.cases)("$name", (wanted) => {
    async function score(precision: "fast" | "exact") {
      const scorer = makeScorer(wanted.addsBos ? bosModel : model, {
        contextSize: wanted.contextSize,
        precision,
        reduce,
        ...(wanted.adapter ? { adapterPath: fixturePath("adapter.gguf") } : {}),
      });
      expect(scorer.reduces).toBe(reduce);
      try {
        return await scorer.score(Int32Array.from(wanted.ids), {
          temperature: wanted.temperature,
          topK: expected.top,
          from: 0,
        });
      } finally {
        scorer.free();
      }
    }

    it("is within 1e-4 nat of float64 when exact", async () => {
      const errors = largestErrors(await score("exact"), wanted);
      expect(errors.entropy).toBeLessThanOrEqual(1e-4);
      expect(errors.logprob).toBeLessThanOrEqual(1e-4);
      expect(errors.top).toBeLessThanOrEqual(1e-4);
      expect(errors.ranks).toBe(0);
      expect(errors.topIds).toBe(0);
    });

    it("has entropies within 5e-3 nat of float64 when fast", async () => {
      const errors = largestErrors(await score("fast"), wanted);
      expect(errors.entropy).toBeLessThanOrEqual(5e-3);
      expect(errors.logprob).toBeLessThanOrEqual(5e-2);
    });
  });

  it("gives the whole vocabulary as top-k, summing to one", async () => {
    const scorer = makeScorer(model, { reduce });
    const ids = Int32Array.from(expected.cases[0]!.ids);
    const topK = model.vocabularySize;
    const scores = await scorer.score(ids, { temperature: 1, topK, from: 0 });
    for (let row = 1; row < ids.length; row++) {
      const top = scores.topLogprobs.subarray(row * topK, (row + 1) * topK);
      const sum = top.reduce((total, value) => total + Math.exp(value), 0);
      expect(sum).toBeCloseTo(1, 5);
      const own = scores.topIds
        .subarray(row * topK, (row + 1) * topK)
        .indexOf(ids[row]!);
      expect(own + 1).toBe(scores.rank[row]);
      expect(top[own]).toBeCloseTo(scores.logprob[row]!, 5);
      expect(
        new Set(scores.topIds.subarray(row * topK, (row + 1) * topK)).size,
      ).toBe(topK);
    }
    // And back to a few, which the device can do again.
    const few = await scorer.score(ids, { temperature: 1, topK: 3, from: 0 });
    for (let row = 1; row < ids.length; row++) {
      expect(few.topIds[row * 3]).toBe(scores.topIds[row * topK]);
      expect(few.entropy[row]).toBeCloseTo(scores.entropy[row]!, 5);
    }
    scorer.free();
  });

  it("returns rows from `from` on, whatever the micro-batch", async () => {
    const wanted = expected.cases[0]!;
    const ids = Int32Array.from(wanted.ids);
    for (const microBatch of [1, 7, 16]) {
      const scorer = makeScorer(model, { reduce, microBatch });
      expect(scorer.microBatch).toBe(microBatch);
      const scores = await scorer.score(ids, {
        temperature: 1,
        topK: 2,
        from: 10,
      });
      expect(scores.entropy).toHaveLength(30);
      expect(scores.topIds).toHaveLength(60);
      for (let row = 0; row < 30; row++) {
        expect(scores.entropy[row]).toBeCloseTo(wanted.entropy[row + 9]!, 4);
        expect(scores.rank[row]).toBe(wanted.rank[row + 9]);
        expect(scores.topIds[row * 2 + 1]).toBe(wanted.topIds[row + 9]![1]);
      }
      scorer.free();
    }
  });
});

it("says that the first token has no distribution", async () => {
  const scorer = makeScorer(model);
  const one = await scorer.score(Int32Array.of(5), {
    temperature: 1,
    topK: 2,
    from: 0,
  });
  expect(one.decoded).toBe(0);
  expect(one.entropy[0]).toBeNaN();
  expect(one.logprob[0]).toBeNaN();
  expect(one.rank[0]).toBe(0);
  expect([...one.topIds]).toEqual([-1, -1]);
  expect(one.topLogprobs[1]).toBeNaN();
  const none = await scorer.score(new Int32Array(0), {
    temperature: 1,
    topK: 2,
    from: 0,
  });
  expect(none.entropy).toHaveLength(0);
  scorer.free();
});

it("describes the model and tokenises with its specials", () => {
  expect(model.vocabularySize).toBe(expected.vocabulary);
  expect(model.trainedContext).toBe(512);
  expect(model.layers).toBe(2);
  expect(model.hasDecoder).toBe(true);
  expect(model.addsBos).toBe(false);
  expect(bosModel.addsBos).toBe(true);
  expect(model.description).toContain("qwen3");
  expect(model.metadata("general.architecture")).toBe("qwen3");
  expect(model.metadata("tokenizer.chat_template")).toContain("<think>");
  expect(model.metadata("no.such.key")).toBeUndefined();

  const text = "<think>\nwait 😀 漢</think>";
  const ids = model.tokenize(text, true, true);
  expect(ids[0]).toBe(expected.vocabulary - 2);
  const bytes = Buffer.concat(model.pieces(ids));
  expect(bytes.toString("utf8")).toBe(text);
  const end = "<|endoftext|>";
  expect([...model.tokenize(end, false, true)]).toEqual([model.eosId]);
  expect(model.tokenize(end, false, false).length).toBeGreaterThan(1);
  expect(bosModel.tokenize("a", true, true)[0]).toBe(bosModel.bosId);
  expect(model.tokenize("", true, true)).toHaveLength(0);
});

it("keeps a model alive while a scorer needs it", async () => {
  const own = join(folder, "own.gguf");
  await copyFile(fixturePath("model.gguf"), own);
  const second = await addon.loadModel(own, { gpuLayers: 0 });
  const scorer = makeScorer(second);
  expect(() => second.free()).toThrow(/still has a scorer/);
  const running = scorer.score(Int32Array.of(1, 2, 3), {
    temperature: 1,
    topK: 1,
    from: 0,
  });
  expect(() => scorer.free()).toThrow(/at work/);
  await running;
  scorer.free();
  scorer.free();
  second.free();
  second.free();
  expect(() => second.vocabularySize).toThrow(/freed/);
  expect(() =>
    scorer.score(Int32Array.of(1), { temperature: 1, topK: 1, from: 0 }),
  ).toThrow(/freed/);
});
