import { describe, expect, it } from "vitest";
import { ElementIndexer } from "../../../core/traces/elementIndexer";
import { type LineSpan, LineIndexer } from "../../../core/traces/lineIndexer";
import {
  describeRecordError,
  MAX_RECORD_BYTES,
  RecordsFile,
  RecordsFileError,
} from "../../../core/traces/recordsFile";
import {
  recordsFormat,
  type RecordsFormat,
} from "../../../core/traces/recordsFormat";
import { MemorySource } from "./byteSource";

const encode = (text: string) => new TextEncoder().encode(text);

function openText(text: string, format: RecordsFormat = "jsonl") {
  return RecordsFile.open(MemorySource.of(text), "rollouts.jsonl", format);
}

async function summaryOf(file: RecordsFile): Promise<string[]> {
  const lines: string[] = [];
  for (let index = 1; index <= file.count; index++) {
    const parsed = await file.read(index);
    lines.push(
      parsed.kind === "record"
        ? `${parsed.record.line} ${parsed.record.response}`
        : describeRecordError(parsed),
    );
  }
  return lines;
}

describe("lines of records", () => {
  it("opens around malformed lines, blank lines, CRLF and a byte order mark", async () => {
    const file = await openText(
      '\ufeff{"response":"a"}\r\n\r\n{"response":\n  \n{"response":"b"}\n[1]\n{"prompt":"p"}\n{"response":"c"}',
    );
    const lines = await summaryOf(file);
    expect(lines[0]).toBe("1 a");
    expect(lines[1]).toMatch(/^line 3: It is not JSON \(/);
    expect(lines[2]).toBe("5 b");
    expect(lines[3]).toMatch(/^line 6: A record is a JSON object/);
    expect(lines[4]).toMatch(/^line 7: No response found/);
    expect(lines[5]).toBe("8 c");
    const malformed: number[] = [];
    for await (const one of file.malformed()) malformed.push(one.line);
    expect(malformed).toEqual([3, 6, 7]);
    expect(file.indexAtLine(5)).toBe(3);
    expect(file.indexAtLine(2)).toBe(2);
    expect(file.indexAtLine(9)).toBeUndefined();
  });

  it("finds the first record of a line on which several begin", async () => {
    const file = await openText('[{"response":"a"},{"response":"b"}]', "json");
    expect(file.indexAtLine(1)).toBe(1);
    const pretty = await openText(
      '[\n{"response":\n"a"},\n{"response":"b"}]',
      "json",
    );
    expect([2, 3, 4].map((line) => pretty.indexAtLine(line))).toEqual([
      1, 1, 2,
    ]);
  });

  it("says that a torn last line may still be in the writing", async () => {
    const file = await openText('{"response":"a"}\n{"response":"b');
    expect((await summaryOf(file))[1]).toMatch(
      /^line 2: It is cut off .*in the writing/,
    );
  });

  it("reads Python's NaN and Infinity as nothing, but not within strings", async () => {
    const file = await openText(
      '{"response":"NaN \\" Infinity","reward":NaN,"a":-Infinity,"b":1}\n',
    );
    const parsed = await file.read(1);
    expect(parsed).toMatchObject({
      record: { response: 'NaN " Infinity', metadata: [["b", "1"]] },
    });
  });

  it("names NUL bytes, other encodings and lines that are too long", async () => {
    const nul = await openText('{"response":"a\0"}\n{"response":"b"}\n');
    expect(await summaryOf(nul)).toEqual([
      expect.stringMatching(/^line 1: It holds NUL bytes/),
      "2 b",
    ]);
    const latin1 = encode('{"response":"\u00e9"}\n');
    const broken = latin1.filter((byte) => byte !== 0xa9);
    const file = await RecordsFile.open(
      new MemorySource(broken),
      "x.jsonl",
      "jsonl",
    );
    expect((await summaryOf(file))[0]).toMatch(/not UTF-8 \(near character 14/);
  });

  it("refuses a line beyond the limit without reading it", async () => {
    const bytes = new Uint8Array(MAX_RECORD_BYTES + 100).fill(0x61);
    bytes.set(encode('\n{"response":"b"}\n'), bytes.length - 18);
    const source = new MemorySource(bytes);
    const file = await RecordsFile.open(source, "x.jsonl", "jsonl");
    source.reads.length = 0;
    expect((await summaryOf(file))[0]).toMatch(/^line 1: It is 64 MB long/);
    expect((await summaryOf(file))[1]).toBe("2 b");
    expect(source.reads.every((one) => one.length < 100)).toBe(true);
  });

  it("refuses a file without records, and one in UTF-16", async () => {
    await expect(openText("\n \r\n")).rejects.toThrow(RecordsFileError);
    await expect(openText("")).rejects.toThrow(/holds no records/);
    const utf16 = new Uint8Array([0x7b, 0, 0x22, 0, 0x61, 0]);
    await expect(
      RecordsFile.open(new MemorySource(utf16), "x.jsonl", "jsonl"),
    ).rejects.toThrow(/UTF-16/);
  });

  it("reads one record alone, by its offset", async () => {
    const line = `{"response":"${"x".repeat(1000)}"}\n`;
    const source = MemorySource.of(line.repeat(5000));
    const file = await RecordsFile.open(source, "x.jsonl", "jsonl");
    expect(file.count).toBe(5000);
    expect(Math.max(...source.reads.map((one) => one.length))).toBeLessThan(
      source.size / 2,
    );
    source.reads.length = 0;
    await file.read(4321);
    expect(source.reads).toEqual([
      { offset: 4320 * line.length, length: line.length - 1 },
    ]);
    await expect(file.read(5001)).rejects.toThrow(
      "x.jsonl has the records 1 to 5000; there is no record 5001.",
    );
  });

  it("stops at an abort", async () => {
    const signal = AbortSignal.abort();
    const source = MemorySource.of('{"response":"a"}\n');
    await expect(
      RecordsFile.open(source, "x.jsonl", "jsonl", { signal }),
    ).rejects.toThrow(/abort/i);
  });

  it("notices that the file has become shorter", async () => {
    const bytes = encode('{"response":"a"}\n');
    const file = await RecordsFile.open(
      {
        size: bytes.length,
        read: (offset, length) =>
          Promise.resolve(
            length === 16
              ? new Uint8Array(3)
              : bytes.slice(offset, offset + length),
          ),
      },
      "x.jsonl",
      "jsonl",
    );
    expect((await summaryOf(file))[0]).toMatch(/has become shorter/);
  });
});

describe("JSON files", () => {
  it.each([
    ["an array", (list: string) => `[${list}]`],
    ["an object with data", (list: string) => `{"n": 2, "data": [${list}]}`],
    [
      "an object with rollouts",
      (l: string) => `{"a":[0],"rollouts":[${l}],"z":{}}`,
    ],
  ])("%s", async (_, wrap) => {
    const list = `\n {"response":"a ]},[ \\" b"},\n {"response":"b",\n "x":[1,{"y":"]"}]}\n , 7`;
    const file = await openText(wrap(list), "json");
    const lines = await summaryOf(file);
    expect(lines).toEqual([
      '2 a ]},[ " b',
      "3 b",
      expect.stringMatching(/^line 5: A record is a JSON object/),
    ]);
    expect(file.problem).toBeUndefined();
  });

  it("takes an object without an array of records as one record", async () => {
    const one =
      '\n{\n "prompt": "data",\n "response": "b",\n "info": ["data", [1]]\n}\n';
    const file = await openText(one, "json");
    expect(await summaryOf(file)).toEqual(["2 b"]);
  });

  it("opens the complete records of a file that is cut off", async () => {
    const file = await openText('[{"response":"a"},\n{"response":"b', "json");
    const lines = await summaryOf(file);
    expect(lines[0]).toBe("1 a");
    expect(lines[1]).toMatch(/^line 2: It is cut off/);
    expect(file.problem).toMatch(/ends within its array of records, in line 2/);
  });

  it("refuses an empty array", async () => {
    await expect(openText(" [ ] ", "json")).rejects.toThrow(/no records/);
  });
});

describe("indexers over chunks", () => {
  const text =
    '\ufeff{"a":"\u00e9\u{1f600}"}\r\n\n  \n{"b":[1,2]}\r\n[{"c":"\\"]"},2]\n\r\nlast';

  it.each([
    ["lines", () => new LineIndexer()],
    ["elements", () => new ElementIndexer()],
  ])("find the same %s wherever the chunks end", (_, make) => {
    const bytes = encode(text.replace(/^\ufeff/, "[").replace("last", "]"));
    const whole = run(make(), [bytes]);
    expect(whole.length).toBeGreaterThan(0);
    for (let size = 1; size < bytes.length; size++) {
      const chunks: Uint8Array[] = [];
      for (let at = 0; at < bytes.length; at += size)
        chunks.push(bytes.subarray(at, at + size));
      expect(run(make(), chunks)).toEqual(whole);
    }
  });

  it("counts lines from 1 and leaves line endings out", () => {
    const spans = run(new LineIndexer(), [encode(text)]);
    expect(spans.map((one) => one.line)).toEqual([1, 4, 5, 7]);
    const bytes = encode(text);
    const decode = (one: LineSpan) =>
      new TextDecoder().decode(bytes.subarray(one.start, one.end));
    expect(spans.map(decode)).toEqual([
      '{"a":"\u00e9\u{1f600}"}',
      '{"b":[1,2]}',
      '[{"c":"\\"]"},2]',
      "last",
    ]);
  });
});

function run(
  indexer: LineIndexer | ElementIndexer,
  chunks: readonly Uint8Array[],
): LineSpan[] {
  const spans = chunks.flatMap((chunk) => indexer.push(chunk));
  const rest = indexer.finish();
  return [...spans, ...(Array.isArray(rest) ? rest : rest.spans)];
}

describe("telling records from plain traces", () => {
  const record = '{"prompt":"p","completion":"c"}\n';
  it.each([
    ["x.jsonl", "anything", "jsonl"],
    ["X.NDJSON", "", "jsonl"],
    ["x.json", "[1]", "json"],
    ["x.json", '{\n "response": "a"\n}', "json"],
    ["x.json", record, "json"],
    ["x.json", record + record, "jsonl"],
    ["x.md", record, undefined],
    ["x.txt", "<think>\nSo 2+2", undefined],
    ["x.txt", `\ufeff\n${record}`, "jsonl"],
    ["x.log", '{"level":"info"}\n', undefined],
    ["trace", "", undefined],
    ["trace", "{ not json }", undefined],
  ] as const)("%s with %j is %s", (name, text, format) => {
    expect(recordsFormat(name, encode(text))).toBe(format);
  });
});
