import { appendFile, mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { OpenFiles } from "../../../extension/records/openFiles";
import {
  parseRecordUri,
  recordUriParts,
} from "../../../extension/records/recordUri";

describe("the address of a record", () => {
  it("survives its way through a URI", () => {
    const address = { file: path.resolve("/a b/röll#out?.jsonl"), index: 12 };
    const parts = recordUriParts(address);
    expect(parts.path).toBe("/Record 12 of röll#out?.jsonl");
    expect(parseRecordUri(parts)).toEqual(address);
  });

  it.each([
    "",
    "{",
    "null",
    '{"file":"relative.jsonl","index":1}',
    '{"file":"/a.jsonl","index":0}',
    '{"file":"/a.jsonl","index":1.5}',
    '{"index":1}',
  ])("is refused where it names no record: %j", (query) => {
    expect(parseRecordUri({ scheme: "forksight-trace", query })).toBe(
      undefined,
    );
  });

  it("is no other scheme's", () => {
    const { query } = recordUriParts({ file: "/a.jsonl", index: 1 });
    expect(parseRecordUri({ scheme: "file", query })).toBeUndefined();
  });
});

describe("OpenFiles", () => {
  let folder: string;
  let files: OpenFiles;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "forksight-records-"));
    files = new OpenFiles();
  });
  afterEach(async () => {
    await files.dispose();
    await rm(folder, { recursive: true });
  });
  const line = (response: string) =>
    `${JSON.stringify({ prompt: "Why?", completion: response })}\n`;

  it("indexes a file once, and again when it has grown", async () => {
    const file = path.join(folder, "rollouts.jsonl");
    await writeFile(file, line("one") + line("two"));
    const first = await files.recordsOf(file);
    expect(first.count).toBe(2);
    expect(await files.recordsOf(file)).toBe(first);
    await appendFile(file, line("three"));
    await utimes(file, 1, 1);
    const grown = await files.recordsOf(file);
    expect(grown.count).toBe(3);
    expect(await grown.read(3)).toMatchObject({
      kind: "record",
      record: { response: "three" },
    });
  });

  it("says what is wrong with a file that holds no records, and reads it when it does", async () => {
    const file = path.join(folder, "notes.txt");
    await writeFile(file, "So I wait.\n");
    await expect(files.recordsOf(file)).rejects.toThrow(/no file of records/);
    await writeFile(file, line("one"));
    await utimes(file, 1, 1);
    expect((await files.recordsOf(file)).count).toBe(1);
    await expect(files.recordsOf(folder)).rejects.toThrow(/not a file/);
    await expect(
      files.recordsOf(path.join(folder, "absent.jsonl")),
    ).rejects.toThrow("ENOENT");
  });

  it("keeps a limited number of files open", async () => {
    for (let i = 0; i < 12; i++) {
      const file = path.join(folder, `${i}.jsonl`);
      await writeFile(file, line(`response ${i}`));
      const records = await files.recordsOf(file);
      expect(await records.read(1)).toMatchObject({
        record: { response: `response ${i}` },
      });
    }
    const again = await files.recordsOf(path.join(folder, "0.jsonl"));
    expect(await again.read(1)).toMatchObject({
      record: { response: "response 0" },
    });
  });
});
