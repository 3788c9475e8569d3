import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type {
  AnnotateParams,
  EngineHealth,
} from "../../../core/engine/protocol";
import type {
  Model,
  Scorer,
  ScorerOptions,
} from "../../../native/addon/binding";
import { addressProblem, downloadModel } from "../../../native/engine/download";
import { Engine } from "../../../native/engine/engine";
import type { Llama } from "../../../native/engine/llama";
import { DATA_BYTES, TENSORS, USABLE, ggufBytes, text } from "./ggufBytes";

let folder: string;
let path: string;
const log: string[] = [];
const health: EngineHealth[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "forksight-unit-"));
  path = join(folder, "m.gguf");
  writeFileSync(path, ggufBytes(USABLE, TENSORS, DATA_BYTES));
  log.length = 0;
  health.length = 0;
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(folder, { recursive: true });
});

interface Fake {
  /** Layers with which a model loads; more come to an out-of-memory. */
  readonly layersThatLoad?: number;
  /** Tokens of context that can be had. */
  readonly contextThatFits?: number;
  readonly gpuMemory?: number;
}

function outOfMemory(): Error {
  return Object.assign(new Error("no buffer"), { code: "OUT_OF_MEMORY" });
}

function fakeScorer(options: ScorerOptions): Scorer {
  return {
    contextSize: options.contextSize,
    microBatch: 1,
    reduces: "host",
    score: (ids, { from, topK }) => {
      const n = ids.length - from;
      log.push(`score ${String(n)}`);
      return Promise.resolve({
        entropy: new Float32Array(n),
        logprob: new Float32Array(n),
        rank: new Uint32Array(n).fill(1),
        topIds: new Int32Array(n * topK),
        topLogprobs: new Float32Array(n * topK),
        decoded: n,
      });
    },
    decodeOnly: () => Promise.reject(new Error("for the bench")),
    free: () => log.push("free scorer"),
  };
}

function fakeModel({ contextThatFits = Infinity }: Fake): Model {
  return {
    description: "",
    vocabularySize: 256,
    trainedContext: 1024,
    parameters: 1,
    layers: 2,
    hasDecoder: true,
    addsBos: false,
    bosId: -1,
    eosId: -1,
    metadata: () => undefined,
    tokenize: (value) => Int32Array.from(new TextEncoder().encode(value)),
    pieces: (ids) => Array.from(ids, (id) => Uint8Array.of(id)),
    createScorer: (options) => {
      log.push(`scorer ${String(options.contextSize)} ${options.precision}`);
      if (options.contextSize > contextThatFits) throw outOfMemory();
      return fakeScorer(options);
    },
    free: () => log.push("free model"),
  };
}

function engine(fake: Fake = {}): Engine {
  const { layersThatLoad = Infinity, gpuMemory = 0 } = fake;
  const llama = {
    backEnd: {
      kind: gpuMemory > 0 ? "vulkan" : "cpu",
      libraryFolder: "",
      knowsArchitecture: () => Promise.resolve(true),
    },
    devices: () =>
      gpuMemory > 0
        ? [
            {
              name: "G",
              description: "Card",
              kind: "gpu",
              freeMemory: gpuMemory,
              totalMemory: gpuMemory,
            },
          ]
        : [],
    addon: {
      loadModel: (_: string, { gpuLayers }: { gpuLayers: number }) => {
        log.push(`load ${String(gpuLayers)}`);
        return gpuLayers > layersThatLoad
          ? Promise.reject(outOfMemory())
          : Promise.resolve(fakeModel(fake));
      },
    },
  } as unknown as Llama;
  return new Engine({
    openLlama: () => Promise.resolve(llama),
    notifyHealth: (one) => health.push(one),
  });
}

const params = (changes: Partial<AnnotateParams> = {}): AnnotateParams => ({
  modelPath: path,
  conditioning: { kind: "none" },
  text: "abc",
  temperature: 1,
  topK: 1,
  precision: "fast",
  contextSize: 0,
  progressId: 1,
  ...changes,
});
const run = (one: Engine, changes: Partial<AnnotateParams> = {}) =>
  one.annotate(params(changes), new AbortController().signal, () => undefined);

describe("Engine", () => {
  it("loads a model once and keeps its scorer, until something else is wanted", async () => {
    const one = engine();
    await run(one);
    await run(one, { text: "abcd" });
    expect(log).toEqual(["load 0", "scorer 512 fast", "score 3", "score 4"]);
    await run(one, { text: "x".repeat(600) });
    // A larger context serves a shorter trace too.
    await run(one);
    await run(one, { precision: "exact" });
    expect(log.slice(4)).toEqual([
      "free scorer",
      "scorer 1024 fast",
      "score 600",
      "score 3",
      "free scorer",
      "scorer 512 exact",
      "score 3",
    ]);
    const other = join(folder, "other.gguf");
    writeFileSync(
      other,
      ggufBytes(
        { ...USABLE, "general.name": text("Other") },
        TENSORS,
        DATA_BYTES,
      ),
    );
    log.length = 0;
    await run(one, { modelPath: other });
    expect(log).toEqual([
      "free scorer",
      "free model",
      "load 0",
      "scorer 512 fast",
      "score 3",
    ]);
  });

  it("unloads an idle model, but not one that was used meanwhile", async () => {
    vi.useFakeTimers();
    const one = engine();
    one.configure({ gpu: "off", idleUnloadMinutes: 10, threads: 0 });
    await run(one);
    await vi.advanceTimersByTimeAsync(9 * 60_000);
    await run(one);
    await vi.advanceTimersByTimeAsync(9 * 60_000);
    expect(log).not.toContain("free model");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(log.slice(-2)).toEqual(["free scorer", "free model"]);
    expect(health.at(-1)).toEqual({ state: "idle" });
  });

  it("keeps the model where the idle time is 0", async () => {
    vi.useFakeTimers();
    const one = engine();
    one.configure({ gpu: "off", idleUnloadMinutes: 0, threads: 0 });
    await run(one);
    await vi.advanceTimersByTimeAsync(1e9);
    expect(log).not.toContain("free model");
  });

  it("puts fewer layers on the GPU where the estimate was too hopeful", async () => {
    await run(engine({ gpuMemory: 1e9, layersThatLoad: 1 }));
    expect(log.slice(0, 2)).toEqual(["load 3", "load 1"]);
    expect(health.at(-1)).toMatchObject({
      state: "ready",
      device: "Card",
      gpuLayers: 1,
      totalLayers: 3,
    });
  });

  it("takes a smaller context where memory is short, and says so where none fits", async () => {
    await run(engine({ contextThatFits: 600 }), { contextSize: 1024 });
    expect(log.slice(1, 3)).toEqual(["scorer 1024 fast", "scorer 512 fast"]);
    await expect(run(engine({ contextThatFits: 100 }))).rejects.toMatchObject({
      code: 1003,
      action: "lowerContext",
    });
  });

  it("does not begin what was cancelled while it waited", async () => {
    const one = engine();
    const abort = new AbortController();
    const first = run(one);
    const second = one.annotate(params(), abort.signal, () => undefined);
    abort.abort();
    await first;
    await expect(second).rejects.toThrow(/aborted/);
    expect(log.filter((line) => line.startsWith("score "))).toHaveLength(1);
  });

  it("fails one request without holding up the next, and tells its health", async () => {
    const one = engine();
    await expect(
      run(one, { modelPath: join(folder, "none.gguf") }),
    ).rejects.toMatchObject({ code: 1001 });
    expect(health.at(-1)).toMatchObject({
      state: "failed",
      action: "chooseModel",
    });
    await run(one);
    expect(health.at(-1)).toMatchObject({ state: "ready" });
  });
});

describe("downloadModel", () => {
  it.each([
    ["hf:owner/repository/file.gguf", true],
    ["hf:owner/repository:Q4_K_M", true],
    ["hf:owner/repository", true],
    ["https://example.com/a/model.gguf?download=true", true],
    ["hf:owner", false],
    ["https://example.com/model.zip", false],
    ["http://example.com/model.gguf", false],
    ["file:///etc/passwd", false],
    ["model.gguf", false],
  ])("%s: %s", (address, taken) => {
    expect(addressProblem(address) === undefined).toBe(taken);
  });

  const go = (
    make: Parameters<typeof downloadModel>[4],
    signal = new AbortController().signal,
  ) => {
    const progress: number[][] = [];
    const done = downloadModel(
      "hf:a/b/c.gguf",
      join(folder, "new"),
      (...both) => progress.push(both),
      signal,
      make,
    );
    return { done, progress };
  };

  it("hands progress and the path on", async () => {
    const { done, progress } = go((options) => {
      options.onProgress({ downloadedSize: 5, totalSize: 10 });
      return Promise.resolve({
        download: () => Promise.resolve(join(options.dirPath, "c.gguf")),
      });
    });
    await expect(done).resolves.toBe(join(folder, "new", "c.gguf"));
    expect(progress).toEqual([[5, 10]]);
  });

  it("says what failed and what to do", async () => {
    const { done } = go(() => Promise.reject(new Error("ENOTFOUND")));
    await expect(done).rejects.toMatchObject({ action: "retry" });
    await expect(done).rejects.toThrow(
      /hf:a\/b\/c\.gguf .*ENOTFOUND.* try again/,
    );
  });

  it("ends as cancelled where it was", async () => {
    const { done } = go(
      () => Promise.reject(new Error("stopped")),
      AbortSignal.abort(),
    );
    await expect(done).rejects.toThrow(/^stopped$/);
  });
});
