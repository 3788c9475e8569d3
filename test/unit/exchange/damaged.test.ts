/** Damaged files of every kind: a plain error, quickly, and no memory that the file cannot fill. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { readCsv } from "../../../core/exchange/csv";
import { maskedCrc32c } from "../../../core/exchange/crc32c";
import { readEventFile } from "../../../core/exchange/eventFile";
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

const EVENTS = "exchange/imports/tensorboard/events.out.tfevents.0.fixture";

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
  {
    kind: "event file",
    bytes: bytesOf(EVENTS),
    read: readEventFile,
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

describe("an event file whose checksums hold", () => {
  /** The records' data, as TFRecords. */
  const framed = (records: readonly Uint8Array[]) => {
    const parts = records.flatMap((data) => {
      const head = new Uint8Array(12);
      const view = new DataView(head.buffer);
      view.setBigUint64(0, BigInt(data.length), true);
      view.setUint32(8, maskedCrc32c(head.subarray(0, 8)), true);
      const foot = new Uint8Array(4);
      new DataView(foot.buffer).setUint32(0, maskedCrc32c(data), true);
      return [head, data, foot];
    });
    return new Uint8Array(Buffer.concat(parts));
  };
  const recordsOf = (file: Uint8Array) => {
    const view = new DataView(file.buffer, file.byteOffset);
    const records: Uint8Array[] = [];
    for (let at = 0; at < file.length;) {
      const length = Number(view.getBigUint64(at, true));
      records.push(file.slice(at + 12, at + 12 + length));
      at += length + 16;
    }
    return records;
  };

  it("is read whole where nothing is damaged", () => {
    const file = bytesOf(EVENTS);
    expect(framed(recordsOf(file))).toEqual(file);
  });

  it("comes to an error or to an answer, whatever its messages hold", () => {
    const records = recordsOf(bytesOf(EVENTS));
    const random = seeded(31);
    const draw = (below: number) => Math.floor(random() * below);
    let errors = 0;
    const begin = performance.now();
    for (let round = 0; round < 3000; round++) {
      const record = records[draw(records.length)]!.slice();
      for (let i = 0; i < 1 + draw(4); i++)
        record[draw(record.length)] = draw(256);
      try {
        const { scalars } = readEventFile(framed([record]));
        expect(scalars.length).toBeLessThanOrEqual(record.length);
      } catch (error) {
        expect(error, String(error)).toBeInstanceOf(FormatError);
        errors++;
      }
    }
    expect(errors).toBeGreaterThan(300);
    expect(performance.now() - begin).toBeLessThan(20_000);
  });

  it("that claims more than there can be takes no memory for it", () => {
    const head = new Uint8Array(12);
    const view = new DataView(head.buffer);
    view.setBigUint64(0, 2n ** 62n, true);
    view.setUint32(8, maskedCrc32c(head.subarray(0, 8)), true);
    expect(readEventFile(head)).toEqual({ scalars: [], torn: true });
    // A field of 2 ** 60 bytes; a varint that never ends.
    for (const data of [
      [0x2a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10],
      Array<number>(40).fill(0xff),
    ])
      expect(() => readEventFile(framed([Uint8Array.from(data)]))).toThrow(
        FormatError,
      );
  });
});

it("a CSV of quotes and commas comes to an error or to an answer", () => {
  const random = seeded(9);
  for (let round = 0; round < 2000; round++) {
    const text = Array.from(
      { length: 30 },
      () => '",\r\nab'[Math.floor(random() * 6)],
    ).join("");
    try {
      readCsv(text);
    } catch (error) {
      expect(error).toBeInstanceOf(FormatError);
    }
  }
});

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
