import {
  mkdtemp,
  readFile,
  readdir,
  rm,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { TraceCache, cacheKey } from "../../../extension/inspect/traceCache";
import {
  decodeTrace,
  encodeTrace,
} from "../../../extension/inspect/traceFormat";
import { traceOf } from "./tokenised";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "forksight-cache-"));
});
afterEach(() => rm(folder, { recursive: true }));

const trace = traceOf([
  { text: "é", entropy: NaN },
  { text: " wait", entropy: 0.5, logprob: -1, rank: 3, top: [[" so", 0.5]] },
]);

describe("the form on disk", () => {
  it("gives back every column, NaN included", () => {
    expect(decodeTrace(encodeTrace(trace))).toEqual(trace);
    // Bytes that start anywhere in a larger buffer, as a pooled Buffer's do.
    const bytes = encodeTrace(trace);
    const shifted = new Uint8Array(bytes.length + 3);
    shifted.set(bytes, 3);
    expect(decodeTrace(shifted.subarray(3))).toEqual(trace);
  });

  it("refuses bytes in which anything was changed or cut off", () => {
    const bytes = encodeTrace(trace);
    for (let at = 0; at < bytes.length; at += 7) {
      const damaged = bytes.slice();
      damaged[at]! ^= 0x40;
      expect(() => decodeTrace(damaged)).toThrow();
      expect(() => decodeTrace(bytes.slice(0, at))).toThrow();
    }
  });
});

describe("TraceCache", () => {
  const lines: string[] = [];
  const make = (limit = 1e9) =>
    new TraceCache(
      path.join(folder, "traces"),
      () => limit,
      (line) => lines.push(line),
    );

  it("keeps what is put, and leaves no temporary file", async () => {
    const cache = make();
    expect(await cache.get("a")).toBeUndefined();
    await cache.put("a", trace);
    expect(await cache.get("a")).toEqual(trace);
    expect(await readdir(path.join(folder, "traces"))).toEqual(["a.trace"]);
    await cache.clear();
    expect(await cache.get("a")).toBeUndefined();
  });

  it("drops a damaged file with a line in the log", async () => {
    const cache = make();
    await cache.put("a", trace);
    const file = path.join(folder, "traces", "a.trace");
    const bytes = await readFile(file);
    await writeFile(file, bytes.subarray(0, bytes.length - 1));
    lines.length = 0;
    expect(await cache.get("a")).toBeUndefined();
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/a\.trace.*checksum/);
    expect(await readdir(path.join(folder, "traces"))).toEqual([]);
  });

  it("lets those go first that were used longest ago", async () => {
    const size = encodeTrace(trace).length;
    const cache = make(2.5 * size);
    await cache.put("a", trace);
    await cache.put("b", trace);
    const at = (name: string, seconds: number) =>
      utimes(path.join(folder, "traces", `${name}.trace`), seconds, seconds);
    await at("a", 1000);
    await at("b", 2000);
    await cache.get("a");
    await cache.put("c", trace);
    expect((await readdir(path.join(folder, "traces"))).sort()).toEqual([
      "a.trace",
      "c.trace",
    ]);
  });

  it("writes nothing when it is off or the trace is larger than all of it", async () => {
    await make(0).put("a", trace);
    await make(10).put("a", trace);
    expect(await readdir(folder)).toEqual([]);
    expect(lines.filter((line) => line.includes("Could not"))).toEqual([]);
  });
});

describe("cacheKey", () => {
  const request = (modelPath: string) => ({
    modelPath,
    conditioning: { kind: "none" } as const,
    text: "so",
    temperature: 1,
    topK: 10,
    precision: "fast" as const,
    contextSize: 0,
  });

  it("changes with all that the numbers depend on, and with nothing else", async () => {
    const model = path.join(folder, "m.gguf");
    await writeFile(model, "one");
    const base = request(model);
    const key = await cacheKey(base, "1");
    expect(await cacheKey({ ...base }, "1")).toBe(key);
    const others = await Promise.all([
      cacheKey(base, "2"),
      cacheKey({ ...base, text: "so " }, "1"),
      cacheKey({ ...base, temperature: 0.6 }, "1"),
      cacheKey({ ...base, topK: 5 }, "1"),
      cacheKey({ ...base, precision: "exact" }, "1"),
      cacheKey({ ...base, contextSize: 512 }, "1"),
      cacheKey({ ...base, adapterPath: model }, "1"),
      cacheKey({ ...base, conditioning: { kind: "text", text: "a" } }, "1"),
    ]);
    await writeFile(model, "two");
    others.push(await cacheKey(base, "1"), key);
    expect(new Set(others).size).toBe(others.length);
  });

  it("rejects where the model cannot be read", async () => {
    await expect(
      cacheKey(request(path.join(folder, "absent.gguf")), "1"),
    ).rejects.toThrow("ENOENT");
  });
});
