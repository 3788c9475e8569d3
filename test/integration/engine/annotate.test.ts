import {
  copyFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { EngineHealth } from "../../../core/engine/protocol";
import { ENGINE_ERROR } from "../../../core/engine/protocol";
import type { EngineClient } from "../../../native/client/engineClient";
import { isAbort } from "../../../native/client/engineError";
import { seeded } from "../../unit/seeded";
import {
  FIXTURE_ADAPTER,
  FIXTURE_MODEL,
  annotate,
  makeClient,
  rangesOf,
} from "./engineUnderTest";

const TEXT = "<think>\nthe 世界 is 😀👩‍🚀, and \uD800 so";

let client: EngineClient;
let folder: string;
const healths: EngineHealth[] = [];

beforeAll(() => {
  client = makeClient();
  client.onHealth((health) => healths.push(health));
  folder = mkdtempSync(join(tmpdir(), "forksight-engine-"));
});
afterAll(async () => {
  await client.dispose();
  rmSync(folder, { recursive: true });
});

describe("annotate through the engine process", () => {
  it("brings typed arrays and the map of pieces across, with ranges that together are the text", async () => {
    const scored = await annotate(client, TEXT);
    const n = scored.ids.length;
    expect(scored.entropy).toBeInstanceOf(Float32Array);
    expect(scored.start).toBeInstanceOf(Uint32Array);
    expect(scored.pieces).toBeInstanceOf(Map);
    expect(
      [
        scored.entropy,
        scored.logprob,
        scored.rank,
        scored.start,
        scored.end,
      ].map((column) => column.length),
    ).toEqual([n, n, n, n, n]);
    expect(scored.topIds).toHaveLength(5 * n);
    expect(rangesOf(TEXT, scored).join("")).toBe(TEXT);
    expect(rangesOf(TEXT, scored)[0]).toBe("<think>");
    expect(rangesOf(TEXT, scored)).toContain("😀");
    expect([...scored.pieces.values()]).toContain("<0xF0>");
    expect(scored.textLength).toBe(TEXT.length);
    expect(scored.model).toMatchObject({
      name: "Forksight fixture",
      architecture: "qwen3",
      path: FIXTURE_MODEL,
    });
  });

  it("has no distribution for a first token that nothing conditions, and has one for all others", async () => {
    const scored = await annotate(client, TEXT);
    expect([
      scored.entropy[0],
      scored.logprob[0],
      scored.rank[0],
      scored.topIds[0],
    ]).toEqual([NaN, NaN, 0, -1]);
    expect(
      [...scored.entropy.subarray(1)].every(
        (h) => h >= 0 && h <= Math.log(281),
      ),
    ).toBe(true);
    // Where the token is among the alternatives, its rank is its place there.
    for (let i = 1; i < scored.ids.length; i++) {
      const rank = scored.rank[i] ?? 0;
      expect(
        scored.topIds[i * 5 + rank - 1] === scored.ids[i] || rank > 5,
      ).toBe(true);
    }
  });

  it("is conditioned by a prompt that is not coloured", async () => {
    const alone = await annotate(client, "the answer");
    const raw = await annotate(client, "the answer", {
      conditioning: { kind: "text", text: "the question. " },
    });
    const messages = await annotate(client, "the answer", {
      conditioning: {
        kind: "messages",
        messages: [{ role: "user", content: "the question" }],
      },
    });
    for (const scored of [raw, messages]) {
      expect(scored.ids).toEqual(alone.ids);
      expect(scored.start).toEqual(alone.start);
      expect(scored.entropy[0]).toBeGreaterThan(0);
      expect(scored.entropy).not.toEqual(alone.entropy);
    }
    expect(raw.entropy).not.toEqual(messages.entropy);
  });

  it("scores a changed text as if it were new", async () => {
    const first = "so the end of it, and the other one";
    const changed = "so the end of it, but the other one";
    await annotate(client, first);
    const reused = await annotate(client, changed);
    await client.request("unload", null);
    const anew = await annotate(client, changed);
    expect(reused.ids).toEqual(anew.ids);
    anew.entropy.subarray(1).forEach((h, i) => {
      expect(reused.entropy[i + 1]).toBeCloseTo(h, 4);
    });
  });

  it("takes temperature, top-k, precision, context size and adapter into account", async () => {
    const plain = await annotate(client, TEXT);
    const warm = await annotate(client, TEXT, { temperature: 2, topK: 0 });
    expect(warm.topIds).toHaveLength(0);
    const mean = (values: Float32Array): number =>
      values.slice(1).reduce((a, b) => a + b, 0) / (values.length - 1);
    expect(mean(warm.entropy)).toBeGreaterThan(mean(plain.entropy));
    const adapted = await annotate(client, TEXT, {
      adapterPath: FIXTURE_ADAPTER,
    });
    expect(adapted.entropy).not.toEqual(plain.entropy);
    const fast = await annotate(client, TEXT, { precision: "fast" });
    expect(fast.settings).toEqual({
      temperature: 1,
      topK: 5,
      precision: "fast",
      contextSize: 512,
    });
  });

  it("scores a trace longer than the model's context in windows, with progress", async () => {
    const text = "the other one is so and so. ".repeat(40);
    const done: number[] = [];
    const scored = await annotate(
      client,
      text,
      {},
      { onProgress: (progress) => done.push(progress.done / progress.total) },
    );
    expect(scored.ids.length).toBeGreaterThan(scored.settings.contextSize);
    expect(rangesOf(text, scored).join("")).toBe(text);
    expect(scored.entropy.subarray(1).every((h) => h >= 0)).toBe(true);
    expect(done.at(-1)).toBe(1);
  });

  it("maps random Unicode to ranges that cover it once", async () => {
    const next = seeded(7);
    const characters = [
      "a",
      "the ",
      " ",
      "\n",
      "é",
      "世",
      "😀",
      "\u{10FFFF}",
      "\uDC00",
      "<think>",
      "\uFEFF",
    ];
    for (let round = 0; round < 25; round++) {
      const text = Array.from(
        { length: 30 },
        () => characters[Math.floor(next() * characters.length)],
      ).join("");
      const scored = await annotate(client, text, { topK: 0 });
      expect(rangesOf(text, scored).join("")).toBe(text);
      for (const offset of scored.end) {
        expect(
          /[\uD800-\uDBFF]$/.test(text.slice(0, offset)) &&
            /^[\uDC00-\uDFFF]/.test(text.slice(offset)),
        ).toBe(false);
      }
    }
  });

  it("has nothing to say of an empty text", async () => {
    const scored = await annotate(client, "");
    expect([scored.ids.length, scored.textLength, scored.pieces.size]).toEqual([
      0, 0, 0,
    ]);
  });

  it("refuses what cannot be meant", async () => {
    const code = ENGINE_ERROR.badInput;
    await expect(
      annotate(client, "a", { temperature: 0 }),
    ).rejects.toMatchObject({ code });
    await expect(
      annotate(client, "a", { temperature: NaN }),
    ).rejects.toMatchObject({ code });
    await expect(annotate(client, "a", { topK: -1 })).rejects.toMatchObject({
      code,
    });
    await expect(
      annotate(client, "a", { contextSize: 1.5 }),
    ).rejects.toMatchObject({ code });
  });

  it("can be cancelled, and works on", async () => {
    const abort = new AbortController();
    const long = "the other one is so and so. ".repeat(400);
    const cancelled = annotate(
      client,
      long,
      {},
      {
        signal: abort.signal,
        onProgress: () => {
          abort.abort();
        },
      },
    );
    await expect(cancelled).rejects.toSatisfy(isAbort);
    await expect(annotate(client, TEXT)).resolves.toBeDefined();
  });

  it("answers requests that come at once each with its own", async () => {
    const texts = ["the one", "and so", "other ends"];
    const all = await Promise.all(texts.map((text) => annotate(client, text)));
    expect(
      all.map((scored, i) => rangesOf(texts[i] ?? "", scored).join("")),
    ).toEqual(texts);
  });

  it("tells its health: loading, then ready on the CPU", async () => {
    await client.request("unload", null);
    healths.length = 0;
    await annotate(client, "a");
    expect(healths[0]).toMatchObject({
      state: "loading",
      model: "Forksight fixture",
      fraction: 0,
    });
    expect(client.health).toMatchObject({
      state: "ready",
      device: "CPU",
      gpuLayers: 0,
    });
    await client.request("unload", null);
    expect(client.health).toEqual({ state: "idle" });
  });

  it("recovers from SIGKILL in the middle of a request", async () => {
    const long = "the other one is so and so. ".repeat(60);
    const pid = client.pid ?? 0;
    let killed = false;
    const scored = await annotate(
      client,
      long,
      {},
      {
        onProgress: () => {
          if (!killed) {
            killed = true;
            process.kill(pid, "SIGKILL");
          }
        },
      },
    );
    expect(killed).toBe(true);
    expect(client.pid).not.toBe(pid);
    expect(rangesOf(long, scored).join("")).toBe(long);
  });

  it("loads a file anew that was written anew", async () => {
    const path = join(folder, "changing.gguf");
    copyFileSync(FIXTURE_MODEL, path);
    const before = await annotate(client, "the one", { modelPath: path });
    const bytes = readFileSync(FIXTURE_MODEL);
    // Another weight near the end of the file.
    bytes.writeFloatLE(9, bytes.length - 4000);
    writeFileSync(path, bytes);
    const after = await annotate(client, "the one", { modelPath: path });
    expect(after.entropy).not.toEqual(before.entropy);
    expect(after.model.fingerprint).not.toBe(before.model.fingerprint);
  });
});
