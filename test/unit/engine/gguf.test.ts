import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { EngineFailure } from "../../../native/engine/failure";
import {
  fitOf,
  gpuLayersThatFit,
  kvBytesPerToken,
} from "../../../native/engine/gguf/fit";
import { readGgufHeader } from "../../../native/engine/gguf/header";
import {
  readAdapter,
  readModelFile,
} from "../../../native/engine/gguf/modelFile";
import { unsupportedReason } from "../../../native/engine/gguf/support";
import { DATA_BYTES, TENSORS, USABLE, ggufBytes, text, u32 } from "./ggufBytes";
import type { Entry } from "./ggufBytes";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "forksight-gguf-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function save(bytes: Uint8Array, name = "model.gguf"): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

const usable = (changes: Readonly<Record<string, Entry>> = {}): string =>
  save(ggufBytes({ ...USABLE, ...changes }, TENSORS, DATA_BYTES));

function without(...keys: string[]): Record<string, Entry> {
  return Object.fromEntries(
    Object.entries(USABLE).filter(([key]) => !keys.includes(key)),
  );
}

function problem(path: string): string {
  try {
    readModelFile(path);
  } catch (error) {
    expect(error).toBeInstanceOf(EngineFailure);
    expect((error as EngineFailure).action).toBe("chooseModel");
    return (error as EngineFailure).message;
  }
  throw new Error("The file was taken.");
}

describe("readModelFile", () => {
  it("reads what a model says of itself", () => {
    const path = usable();
    const file = readModelFile(path);
    expect(file).toMatchObject({
      name: "Test",
      path,
      architecture: "qwen3",
      quantization: "F32",
      vocabularySize: 3,
      parameters: 192 + 2 * 1024,
      trainedContext: 1024,
      blocks: 2,
    });
    expect(file.fingerprint).toMatch(/^[0-9a-f]{32}$/);
  });

  it("changes the fingerprint with the file", () => {
    const first = readModelFile(usable()).fingerprint;
    expect(
      readModelFile(usable({ "general.name": text("Tess") })).fingerprint,
    ).not.toBe(first);
  });

  it("takes the file's name and the commonest type where the model has no name and no file type", () => {
    const path = save(
      ggufBytes(
        without("general.name", "general.file_type"),
        TENSORS,
        DATA_BYTES,
      ),
    );
    expect(readModelFile(path)).toMatchObject({
      name: "model.gguf",
      quantization: "F32",
    });
  });

  it("says what is wrong with what is no whole GGUF", () => {
    const whole = ggufBytes(USABLE, TENSORS, DATA_BYTES);
    expect(problem(join(folder, "absent.gguf"))).toContain("There is no file");
    expect(problem(folder)).toContain("not a file");
    expect(problem(save(Buffer.from("hello world")))).toContain(
      'does not begin with "GGUF"',
    );
    expect(problem(save(Buffer.alloc(0)))).toContain(
      'does not begin with "GGUF"',
    );
    expect(problem(save(ggufBytes(USABLE, [], 0, 1)))).toContain("version 1");
    expect(
      problem(
        save(ggufBytes(without("general.architecture"), TENSORS, DATA_BYTES)),
      ),
    ).toContain("architecture");
    for (const length of [8, 20, 30, 200, 500]) {
      expect(problem(save(whole.subarray(0, length)))).toMatch(
        /ends inside|more than its size/,
      );
    }
    const cut = problem(save(whole.subarray(0, whole.length - 1)));
    expect(cut).toContain("truncated");
    expect(cut).toContain("blk.1.attn_q.weight");
  });

  it("never believes a length that the file cannot hold", () => {
    const bytes = ggufBytes(USABLE, TENSORS, DATA_BYTES);
    const at = bytes.indexOf("general.architecture") - 8;
    for (const length of [2n ** 40n, 2n ** 63n, 2n ** 64n - 1n]) {
      const damaged = Buffer.from(bytes);
      damaged.writeBigUInt64LE(length, at);
      expect(problem(save(damaged))).toMatch(/ends inside|impossible/);
    }
    const counts = Buffer.from(bytes);
    counts.writeBigUInt64LE(2n ** 40n, 8);
    expect(problem(save(counts))).toContain("more than its size allows");
  });

  it("takes a 64-bit value of the metadata for what it is", () => {
    const path = usable({ "general.hash": { kind: "u64", value: 2n ** 63n } });
    expect(readGgufHeader(path).metadata.get("general.hash")).toBe(2 ** 63);
  });

  it("reads the parts of a split model together, and misses a part", () => {
    const [embedding, ...blocks] = TENSORS;
    const first = save(
      ggufBytes(USABLE, embedding === undefined ? [] : [embedding], 768),
      "m-00001-of-00002.gguf",
    );
    expect(problem(first)).toContain("m-00002-of-00002.gguf is not beside it");
    save(
      ggufBytes({ "split.no": u32(1) }, blocks, DATA_BYTES),
      "m-00002-of-00002.gguf",
    );
    expect(readModelFile(first).parameters).toBe(192 + 2 * 1024);
    expect(readModelFile(first).tensors).toHaveLength(3);
  });
});

describe("unsupportedReason", () => {
  const reason = (path: string, known: boolean | undefined = true) =>
    unsupportedReason(readModelFile(path), known);

  it("takes a causal model with tokenizer and weights", () => {
    expect(reason(usable())).toBeUndefined();
    expect(reason(usable(), undefined)).toBeUndefined();
  });

  it("says why another cannot be used", () => {
    expect(reason(usable(), false)).toContain('"qwen3"');
    expect(reason(usable({ "general.type": text("adapter") }))).toContain(
      "LoRA",
    );
    expect(reason(usable({ "general.architecture": text("bert") }))).toContain(
      "embedding",
    );
    expect(
      reason(
        save(ggufBytes(without("tokenizer.ggml.tokens"), TENSORS, DATA_BYTES)),
      ),
    ).toContain("tokenizer");
    expect(
      reason(
        save(ggufBytes(without("tokenizer.ggml.merges"), TENSORS, DATA_BYTES)),
      ),
    ).toContain("merges");
    expect(reason(save(ggufBytes(USABLE)))).toContain("no weights");
  });
});

describe("readAdapter", () => {
  it("takes only an adapter for the same architecture", () => {
    const model = readModelFile(usable());
    const adapter = (architecture: string) =>
      save(
        ggufBytes({
          "general.type": text("adapter"),
          "general.architecture": text(architecture),
        }),
        "a.gguf",
      );
    expect(() => {
      readAdapter(adapter("qwen3"), model);
    }).not.toThrow();
    expect(() => {
      readAdapter(adapter("llama"), model);
    }).toThrow('adapter for "llama"');
    expect(() => {
      readAdapter(usable(), model);
    }).toThrow("not a LoRA adapter");
    expect(() => {
      readAdapter(join(folder, "none"), model);
    }).toThrow("no adapter");
  });
});

describe("fit", () => {
  it("counts the KV cache as llama.cpp allocates it", () => {
    const file = readModelFile(usable());
    // 2 blocks x 2 KV heads x (16 + 16) values, 2 or 4 bytes each.
    expect(kvBytesPerToken(file, "fast")).toBe(2 * 2 * 32 * 2);
    expect(kvBytesPerToken(file, "exact")).toBe(2 * 2 * 32 * 4);
    const perLayer = readModelFile(
      usable({
        "qwen3.attention.head_count_kv": { kind: "i32s", value: [1, 4] },
      }),
    );
    expect(kvBytesPerToken(perLayer, "fast")).toBe(2 * 4 * 32 * 2);
  });

  it("puts the output on the GPU first, then blocks from the last, until it is full", () => {
    const file = readModelFile(usable());
    expect(gpuLayersThatFit(file, 0, 1024, "fast")).toBe(0);
    expect(gpuLayersThatFit(file, 1e12, 1024, "fast")).toBe(3);
    const layers = Array.from({ length: 400 }, (_, i) =>
      gpuLayersThatFit(file, i * 10_000, 1024, "fast"),
    );
    expect(new Set(layers)).toEqual(new Set([0, 1, 2, 3]));
    expect([...layers].sort((a, b) => a - b)).toEqual(layers);
  });

  it("explains whether a model fits", () => {
    const file = readModelFile(usable());
    const cpu = fitOf(file, {
      mainAvailable: 1e9,
      gpuAvailable: 0,
      gpuName: undefined,
    });
    expect(cpu).toMatchObject({ fits: true, gpuLayers: 0, totalLayers: 3 });
    expect(cpu.explanation).toContain("on the CPU");
    const gpu = fitOf(file, {
      mainAvailable: 1e9,
      gpuAvailable: 1e9,
      gpuName: "Card",
    });
    expect(gpu).toMatchObject({ fits: true, gpuLayers: 3 });
    expect(gpu.explanation).toContain("all layers on Card");
    const none = fitOf(file, {
      mainAvailable: 1000,
      gpuAvailable: 0,
      gpuName: undefined,
    });
    expect(none.fits).toBe(false);
    expect(none.explanation).toMatch(/^Does not fit: it needs about/);
  });
});
