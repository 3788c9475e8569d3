/** Damaged files of every kind: a plain error, quickly, and no memory that the file cannot fill. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { FormatError } from "../../../core/exchange/formatError";
import { readGgufAdapter } from "../../../core/exchange/ggufAdapter";
import {
  readSafetensors,
  writeSafetensors,
} from "../../../core/exchange/safetensors";
import { GgufError } from "../../../core/gguf/cursor";
import { seeded } from "../seeded";

const fixtures = new URL("../../fixtures/", import.meta.url);
const bytesOf = (name: string) =>
  new Uint8Array(readFileSync(new URL(name, fixtures)));

const KINDS = [
  {
    kind: "safetensors",
    bytes: bytesOf("exchange/llama-peft/adapter_model.safetensors"),
    read: readSafetensors,
  },
  {
    kind: "GGUF adapter",
    bytes: bytesOf("train/qwen3-adapter.gguf"),
    read: readGgufAdapter,
  },
];

for (const { kind, bytes, read } of KINDS) {
  describe(kind, () => {
    it("comes to an error or to an answer, whatever bytes are damaged", () => {
      const random = seeded(8020);
      const draw = (below: number) => Math.floor(random() * below);
      let errors = 0;
      const before = process.memoryUsage().arrayBuffers;
      const begin = performance.now();
      for (let round = 0; round < 600; round++) {
        const damaged = bytes.slice(
          0,
          round % 3 ? bytes.length : draw(bytes.length),
        );
        // Mostly in the header, where the lengths are.
        for (let i = 0; i < 1 + draw(6); i++)
          damaged[draw(Math.min(damaged.length, 1500))] = draw(256);
        try {
          read(damaged);
        } catch (error) {
          expect(
            error instanceof FormatError || error instanceof GgufError,
            String(error),
          ).toBe(true);
          errors++;
        }
      }
      expect(errors).toBeGreaterThan(300);
      expect(performance.now() - begin).toBeLessThan(20_000);
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 28);
    });
  });
}

describe("a safetensors header", () => {
  const file = (header: unknown, data = 8, length?: bigint) => {
    const json = new TextEncoder().encode(
      typeof header === "string" ? header : JSON.stringify(header),
    );
    const bytes = new Uint8Array(8 + json.length + data);
    const claimed = length ?? BigInt(json.length);
    new DataView(bytes.buffer).setBigUint64(0, claimed, true);
    bytes.set(json, 8);
    return bytes;
  };
  const entry = (shape: unknown, offsets: unknown, dtype: unknown = "F32") => ({
    dtype,
    shape,
    data_offsets: offsets,
  });
  const problem = (bytes: Uint8Array) => {
    try {
      readSafetensors(bytes);
    } catch (error) {
      expect(error).toBeInstanceOf(FormatError);
      return (error as Error).message;
    }
    return "nothing is wrong";
  };

  it("that is whole is read", () => {
    expect(problem(file({ a: entry([2], [0, 8]) }))).toBe("nothing is wrong");
    expect(
      problem(file({ __metadata__: { x: "y" }, a: entry([1, 2], [0, 8]) })),
    ).toBe("nothing is wrong");
  });

  it("that claims what cannot be is refused", () => {
    expect(problem(new Uint8Array(7))).toContain("too short");
    for (const length of [2n ** 63n, 10n ** 6n])
      expect(problem(file({}, 0, length))).toContain("more than there can be");
    expect(problem(file("{", 0))).toContain("no JSON");
    expect(problem(file("[".repeat(200_000), 0))).toContain("no JSON");
    expect(problem(file([], 0))).toContain("no JSON object");
    expect(problem(file({ a: 1 }))).toContain("no JSON object");
    expect(problem(file({ a: entry([2], [0, 8], "Q4") }))).toContain("Q4");
    expect(problem(file({ a: entry([-2], [0, 8]) }))).toContain(
      "whole numbers",
    );
    expect(problem(file({ a: entry([2], [0, 16]) }))).toContain(
      "beyond the data",
    );
    expect(problem(file({ a: entry([2], [8, 0]) }))).toContain(
      "beyond the data",
    );
    expect(problem(file({ a: entry([2], [0]) }))).toContain("data_offsets");
    expect(problem(file({ a: entry([1e15, 1e15], [0, 8]) }))).toContain(
      "takes",
    );
    expect(problem(file({ a: entry([1], [0, 4]) }))).toContain(
      "take 4 bytes, and 8",
    );
    expect(
      problem(file({ a: entry([1], [0, 4]), b: entry([1], [0, 4]) })),
    ).toContain("overlap");
  });

  it("is written so that it is read again, data at a multiple of 8", () => {
    const tensors = new Map([
      [
        "x",
        { dtype: "F32", shape: [1, 1], bytes: Uint8Array.of(0, 0, 128, 63) },
      ],
      ["empty", { dtype: "F16", shape: [0, 3], bytes: new Uint8Array(0) }],
    ]);
    const bytes = writeSafetensors(tensors);
    expect(readSafetensors(bytes)).toEqual(tensors);
    expect(Number(new DataView(bytes.buffer).getBigUint64(0, true)) % 8).toBe(
      0,
    );
  });
});
