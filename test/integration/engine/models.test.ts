import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ENGINE_ERROR } from "../../../core/engine/protocol";
import type { EngineClient } from "../../../native/client/engineClient";
import {
  DATA_BYTES,
  TENSORS,
  USABLE,
  ggufBytes,
  text,
} from "../../unit/engine/ggufBytes";
import {
  FIXTURE_MODEL,
  POCKET_MODEL,
  annotate,
  inRepository,
  makeClient,
} from "./engineUnderTest";

let client: EngineClient;
let folder: string;
beforeAll(() => {
  client = makeClient();
  folder = mkdtempSync(join(tmpdir(), "forksight-models-"));
});
afterAll(async () => {
  await client.dispose();
  rmSync(folder, { recursive: true });
});

function save(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

describe("models that cannot be used", () => {
  it("are refused with a message and an action, and the engine lives on", async () => {
    const whole = readFileSync(FIXTURE_MODEL);
    await annotate(client, "a");
    const pid = client.pid;
    const cases: [string, number, RegExp][] = [
      [join(folder, "absent.gguf"), ENGINE_ERROR.badModel, /There is no file/],
      [
        save("foreign.gguf", Buffer.from("PK\u0003\u0004 an archive")),
        ENGINE_ERROR.badModel,
        /does not begin with "GGUF"/,
      ],
      [
        save("cut.gguf", whole.subarray(0, whole.length - 100)),
        ENGINE_ERROR.badModel,
        /truncated/,
      ],
      [
        save("head.gguf", whole.subarray(0, 3000)),
        ENGINE_ERROR.badModel,
        /ends inside/,
      ],
      [
        save(
          "bert.gguf",
          ggufBytes(
            { ...USABLE, "general.architecture": text("bert") },
            TENSORS,
            DATA_BYTES,
          ),
        ),
        ENGINE_ERROR.unsupportedModel,
        /embedding model/,
      ],
      [
        save(
          "new.gguf",
          ggufBytes(
            { ...USABLE, "general.architecture": text("qwen99") },
            TENSORS,
            DATA_BYTES,
          ),
        ),
        ENGINE_ERROR.unsupportedModel,
        /qwen99/,
      ],
      [
        save("hollow.gguf", ggufBytes(USABLE, TENSORS, DATA_BYTES)),
        ENGINE_ERROR.badModel,
        /llama\.cpp refused Test/,
      ],
    ];
    for (const [modelPath, code, message] of cases) {
      const error: unknown = await annotate(client, "a", { modelPath }).catch(
        (e: unknown) => e,
      );
      expect(error).toMatchObject({ code, action: "chooseModel" });
      expect((error as Error).message).toMatch(message);
      expect(client.health).toMatchObject({
        state: "failed",
        action: "chooseModel",
      });
    }
    await annotate(client, "a");
    expect(client.health).toMatchObject({ state: "ready" });
    expect(client.pid).toBe(pid);
  });

  it("an adapter that is none, or is not there, is named", async () => {
    const code = ENGINE_ERROR.badModel;
    await expect(
      annotate(client, "a", { adapterPath: FIXTURE_MODEL }),
    ).rejects.toMatchObject({ code });
    await expect(
      annotate(client, "a", { adapterPath: join(folder, "none") }),
    ).rejects.toThrow(/no adapter/);
  });

  it("a GPU that is not there is refused where it was asked for, with what to do", async () => {
    const other = makeClient({
      configuration: { gpu: "cuda", idleUnloadMinutes: 0, threads: 1 },
    });
    try {
      await expect(annotate(other, "a")).rejects.toMatchObject({
        code: ENGINE_ERROR.noBackEnd,
        action: "turnGpuOff",
      });
      await other.configure({ gpu: "auto", idleUnloadMinutes: 0, threads: 1 });
      await expect(annotate(other, "a")).resolves.toBeDefined();
    } finally {
      await other.dispose();
    }
  });
});

describe("describeModels", () => {
  it("describes what is a model, and puts errors in their places", async () => {
    const bad = save("bad.gguf", Buffer.from("no"));
    const unknown = save(
      "unknown.gguf",
      ggufBytes(
        { ...USABLE, "general.architecture": text("qwen99") },
        TENSORS,
        DATA_BYTES,
      ),
    );
    const [pocket, broken, unsupported] = await client.request(
      "describeModels",
      { paths: [POCKET_MODEL, bad, unknown] },
    );
    expect(pocket).toMatchObject({
      kind: "model",
      model: {
        architecture: "qwen3",
        path: POCKET_MODEL,
        fit: { fits: true, gpuLayers: 0 },
      },
    });
    expect(
      pocket?.kind === "model" ? pocket.model.unsupported : "",
    ).toBeUndefined();
    expect(broken).toMatchObject({ kind: "error", path: bad });
    expect(unsupported).toMatchObject({
      kind: "model",
      model: { architecture: "qwen99" },
    });
    expect(
      unsupported?.kind === "model" ? unsupported.model.unsupported : "",
    ).toContain("does not know");
  });
});

describe("downloadModel", () => {
  it("takes only addresses of models, and goes nowhere for others", async () => {
    const ask = (address: string) =>
      client.request("downloadModel", { address, folder });
    for (const address of [
      "",
      "model",
      "ftp://example.com/a.gguf",
      "http://example.com/a.gguf",
      "https://example.com/a.zip",
      "hf:justone",
    ]) {
      await expect(ask(address)).rejects.toMatchObject({
        code: ENGINE_ERROR.badInput,
      });
    }
  });
});

describe("the pocket model against PyTorch, through the whole engine", () => {
  interface Agreement {
    texts: {
      text: string;
      ids: number[];
      entropy: number[];
      logprob: number[];
    }[];
  }
  it("has the same ids, entropies and log-probabilities", async () => {
    const { texts } = JSON.parse(
      readFileSync(inRepository("test/fixtures/pocket-agreement.json"), "utf8"),
    ) as Agreement;
    // The engine scores CRLF as LF (the next test); the scorer's own test holds the others to PyTorch as they stand.
    const unix = texts.filter(({ text }) => !text.includes("\r"));
    expect(unix.length).toBeGreaterThan(0);
    for (const expected of unix) {
      const scored = await annotate(client, expected.text, {
        modelPath: POCKET_MODEL,
      });
      expect([...scored.ids]).toEqual(expected.ids);
      // Row i of the expectation speaks of ids[i + 1].
      for (const [i, entropy] of expected.entropy.entries()) {
        expect(Math.abs((scored.entropy[i + 1] ?? NaN) - entropy)).toBeLessThan(
          1e-3,
        );
        expect(
          Math.abs(
            (scored.logprob[i + 1] ?? NaN) - (expected.logprob[i] ?? NaN),
          ),
        ).toBeLessThan(1e-3);
      }
    }
  });

  it("scores CRLF as LF, at the places of the text with CRLF", async () => {
    const text = "Make 8 from 2 and 4.\n\nSo 2 * 4 = 8.\n";
    const unix = await annotate(client, text, { modelPath: POCKET_MODEL });
    const dos = await annotate(client, text.replaceAll("\n", "\r\n"), {
      modelPath: POCKET_MODEL,
    });
    expect(dos.ids).toEqual(unix.ids);
    expect(dos.entropy).toEqual(unix.entropy);
    const breaksBefore = (offset: number) =>
      text.slice(0, offset).split("\n").length - 1;
    expect([...dos.start]).toEqual(
      [...unix.start].map((offset) => offset + breaksBefore(offset)),
    );
    expect([...dos.end]).toEqual(
      [...unix.end].map((offset) => offset + breaksBefore(offset)),
    );
  });
});
