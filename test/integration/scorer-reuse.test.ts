/** What the scorer keeps between calls: a changed trace costs what stands behind the change, and gives the same numbers. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type {
  Model,
  ScoreOptions,
  Scorer,
  Scores,
} from "../../native/addon/binding";
import { fixturePath, makeScorer, openAddon } from "./openAddon";

const OPTIONS: ScoreOptions = { temperature: 1, topK: 4, from: 0 };
let model: Model;

beforeAll(async () => {
  model = await openAddon().loadModel(fixturePath("model.gguf"), {
    gpuLayers: 0,
  });
});
afterAll(() => model.free());

/** n token ids, the same for the same seed. */
function tokens(n: number, seed = 1): Int32Array {
  let state = seed;
  return Int32Array.from({ length: n }, () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % 270;
  });
}

/** `ids` with another token at `index`. */
function changed(ids: Int32Array, index: number): Int32Array {
  const copy = Int32Array.from(ids);
  copy[index] = (copy[index]! + 1) % 270;
  return copy;
}

/** The scores of a scorer that has seen nothing before. */
async function fresh(
  ids: Int32Array,
  options: ScoreOptions,
  contextSize: number,
): Promise<Scores> {
  const scorer = makeScorer(model, { contextSize });
  const scores = await scorer.score(ids, options);
  scorer.free();
  return scores;
}

function expectSame(actual: Scores, wanted: Scores) {
  expect(actual.entropy.length).toBe(wanted.entropy.length);
  for (let row = 0; row < wanted.entropy.length; row++) {
    const same = (a: Float32Array, b: Float32Array) =>
      Number.isNaN(b[row]!)
        ? expect(a[row]).toBeNaN()
        : expect(Math.abs(a[row]! - b[row]!)).toBeLessThan(2e-5);
    same(actual.entropy, wanted.entropy);
    same(actual.logprob, wanted.logprob);
    expect(Math.abs(actual.rank[row]! - wanted.rank[row]!)).toBeLessThan(2);
  }
  expect(actual.topIds).toEqual(wanted.topIds);
}

describe.each([
  { reduce: "host", contextSize: 256 },
  { reduce: "device", contextSize: 256 },
  { reduce: "host", contextSize: 40 },
] as const)("$reduce, context of $contextSize", ({ reduce, contextSize }) => {
  let scorer: Scorer;
  const ids = tokens(120);
  const score = (of: Int32Array, options = OPTIONS) =>
    scorer.score(of, options);

  beforeAll(() => {
    scorer = makeScorer(model, { reduce, contextSize, microBatch: 16 });
  });
  afterAll(() => scorer.free());

  it("decodes nothing for the same trace", async () => {
    const first = await score(ids);
    const again = await score(ids);
    expect(first.decoded).toBeGreaterThanOrEqual(119);
    expect(again.decoded).toBe(0);
    expectSame(again, first);
    expectSame(first, await fresh(ids, OPTIONS, contextSize));
  });

  it("decodes from the token in front of the first changed one", async () => {
    await score(ids);
    const edited = changed(ids, 114);
    const scores = await score(edited);
    // The changed token's own row needs the logits in front of it: positions 113 to 118.
    expect(scores.decoded).toBe(6);
    expectSame(scores, await fresh(edited, OPTIONS, contextSize));
  });

  it.each([0, 1, 2, 39, 40, 41, 60, 61, 80, 119])(
    "gives what a fresh scorer gives after a change at %i",
    async (index) => {
      await score(ids);
      const edited = changed(ids, index);
      expectSame(
        await score(edited),
        await fresh(edited, OPTIONS, contextSize),
      );
    },
  );

  it("follows insertions, deletions and appended tokens", async () => {
    await score(ids);
    for (const next of [
      Int32Array.from([...ids, ...tokens(9, 5)]),
      ids.slice(0, 70),
      Int32Array.from([...ids.slice(0, 50), 7, ...ids.slice(50)]),
      Int32Array.from([...ids.slice(0, 50), ...ids.slice(53)]),
    ]) {
      expectSame(await score(next), await fresh(next, OPTIONS, contextSize));
    }
  });

  it("rescores where temperature or top-k change", async () => {
    await score(ids);
    for (const options of [
      { temperature: 0.5, topK: 4, from: 0 },
      { temperature: 0.5, topK: 7, from: 0 },
      { temperature: 1, topK: 0, from: 0 },
    ]) {
      const scores = await score(ids, options);
      expect(scores.decoded).toBeGreaterThanOrEqual(119);
      expectSame(scores, await fresh(ids, options, contextSize));
    }
  });

  it("does not take rows from a call that began later", async () => {
    await score(ids, { ...OPTIONS, from: 60 });
    const all = await score(ids, { ...OPTIONS, from: 20 });
    expectSame(all, await fresh(ids, { ...OPTIONS, from: 20 }, contextSize));
    const tail = await score(changed(ids, 90), { ...OPTIONS, from: 70 });
    expectSame(
      tail,
      await fresh(changed(ids, 90), { ...OPTIONS, from: 70 }, contextSize),
    );
  });
});

it("reuses the last window of a long trace", async () => {
  const scorer = makeScorer(model, { contextSize: 32 });
  const ids = tokens(200);
  const whole = await scorer.score(ids, OPTIONS);
  // 12 windows of 32 tokens, 16 apart, for 200 tokens.
  expect(whole.decoded).toBeGreaterThan(330);
  const edited = changed(ids, 197);
  const after = await scorer.score(edited, OPTIONS);
  expect(after.decoded).toBeLessThan(4);
  expectSame(after, await fresh(edited, OPTIONS, 32));
  scorer.free();
});

it("scores a recurrent model anew where its state cannot be cut back", async () => {
  const recurrent = await openAddon().loadModel(
    fixturePath("../mamba-f32/model.gguf"),
    { gpuLayers: 0 },
  );
  const fresh = async (of: Int32Array) => {
    const once = makeScorer(recurrent);
    const scores = await once.score(of, OPTIONS);
    once.free();
    return scores;
  };
  const ids = tokens(60).map((id) => id % 257);
  const scorer = makeScorer(recurrent, { microBatch: 16 });
  const first = await scorer.score(ids.subarray(0, 50), OPTIONS);
  expect(first.decoded).toBe(49);
  // Appending goes on from the state as it is.
  const longer = await scorer.score(ids, OPTIONS);
  expect(longer.decoded).toBeLessThanOrEqual(59);
  expectSame(longer, await fresh(ids));
  const edited = changed(ids, 40).map((id) => id % 257);
  const seen: [number, number][] = [];
  const after = await scorer.score(edited, OPTIONS, (done, total) =>
    seen.push([done, total]),
  );
  expect(after.decoded).toBe(59);
  expect(seen.at(-1)).toEqual([59, 59]);
  expectSame(after, await fresh(edited));
  scorer.free();
  recurrent.free();
});

describe("cancellation", () => {
  it("rejects with AbortError within a micro-batch and stays usable", async () => {
    const scorer = makeScorer(model, { contextSize: 512, microBatch: 4 });
    const ids = tokens(400);
    const controller = new AbortController();
    let last = 0;
    const failure: unknown = await scorer
      .score(
        ids,
        OPTIONS,
        (done) => {
          last = done;
          if (done >= 40) controller.abort();
        },
        controller.signal,
      )
      .catch((error: unknown) => error);
    expect(failure).toMatchObject({ name: "AbortError", code: "ABORT_ERR" });
    expect(last).toBeGreaterThanOrEqual(40);
    expect(last).toBeLessThan(399);
    const scores = await scorer.score(ids, OPTIONS);
    // What was decoded before the abort is kept.
    expect(scores.decoded).toBeLessThanOrEqual(399 - 36);
    expectSame(scores, await fresh(ids, OPTIONS, 512));
    scorer.free();
  });

  it("rejects at once where the signal has fired before", async () => {
    const scorer = makeScorer(model);
    await expect(
      scorer.score(tokens(50), OPTIONS, undefined, AbortSignal.abort()),
    ).rejects.toMatchObject({ name: "AbortError" });
    expect((await scorer.score(tokens(50), OPTIONS)).decoded).toBe(49);
    scorer.free();
  });

  it("passes on what the progress callback throws", async () => {
    const scorer = makeScorer(model, { microBatch: 4 });
    await expect(
      scorer.score(tokens(200), OPTIONS, () => {
        throw new RangeError("no more");
      }),
    ).rejects.toThrow(new RangeError("no more"));
    expect((await scorer.score(tokens(20), OPTIONS)).entropy).toHaveLength(20);
    scorer.free();
  });
});

it("reports progress once per micro-batch, up to the total", async () => {
  const scorer = makeScorer(model, { microBatch: 16 });
  const seen: [number, number][] = [];
  await scorer.score(tokens(100), OPTIONS, (done, total) =>
    seen.push([done, total]),
  );
  expect(seen[0]).toEqual([0, 99]);
  expect(seen.at(-1)).toEqual([99, 99]);
  expect(seen).toHaveLength(8);
  scorer.free();
});

it("refuses a second call while one is under way", async () => {
  const scorer = makeScorer(model);
  const first = scorer.score(tokens(100), OPTIONS);
  expect(() => scorer.score(tokens(100), OPTIONS)).toThrow(
    /one call at a time/,
  );
  await first;
  scorer.free();
});
