import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { heldOutCheck, trainingCheck } from "../../../core/tasks/dataSet";
import { inert, readDataSet } from "../../../extension/launch/readDataSet";

const folder = mkdtempSync(join(tmpdir(), "forksight-data-"));
afterAll(() => rmSync(folder, { recursive: true }));

const EXACT = heldOutCheck({ reward: { kind: "exact" } });

async function read(text: string, check = EXACT) {
  const file = join(folder, "data.jsonl");
  writeFileSync(file, text);
  return readDataSet(file, check, new AbortController().signal);
}

describe("readDataSet", () => {
  it("counts, and shows the first prompts and answers", async () => {
    const lines = Array.from({ length: 5 }, (_, i) =>
      JSON.stringify({ question: `What is ${i} + ${i}?`, answer: 2 * i }),
    );
    const found = await read(`\uFEFF${lines.join("\r\n")}\n\n`);
    expect(found).toMatchObject({ count: 5, badCount: 0, isPartial: false });
    expect(found.samples[1]).toEqual({ prompt: "What is 1 + 1?", answer: "2" });
    expect(found.samples).toHaveLength(3);
    expect(found.longestPrompt).toBe("What is 1 + 1?".length);
    expect(found.problem).toBeUndefined();
  });

  it("names bad lines by their number, blank ones counted", async () => {
    const good = '{"prompt": "x", "answer": "1"}';
    const found = await read(
      `${good}\n\nnothing\n{"prompt": 3}\n{"prompt": "y"}\n${good}`,
    );
    expect(found.count).toBe(2);
    expect(found.badCount).toBe(3);
    expect(found.bad.map(({ line }) => line)).toEqual([3, 4, 5]);
    expect(found.bad[2]!.message).toContain("needs an `answer`");
  });

  it("checks what the run needs: completions for fine-tuning", async () => {
    const check = trainingCheck({
      reward: { kind: "exact" },
      objective: { loss: "sft" },
    });
    const found = await read(
      '{"prompt": "x", "completion": "yes"}\n{"prompt": "x"}',
      check,
    );
    expect(found).toMatchObject({ count: 1, badCount: 1 });
    expect(found.samples[0]!.answer).toBe("yes");
  });

  it("says what is wrong with the file, and throws nothing", async () => {
    const { signal } = new AbortController();
    expect((await read("")).problem).toBe("this file holds no problems");
    expect(
      (await readDataSet(join(folder, "none"), EXACT, signal)).problem,
    ).toBe("there is no such file");
    expect((await readDataSet(folder, EXACT, signal)).problem).toBe(
      "this is not a file",
    );
  });

  it("stops when nobody asks any more", async () => {
    const abort = new AbortController();
    abort.abort();
    const file = join(folder, "data.jsonl");
    await expect(readDataSet(file, EXACT, abort.signal)).rejects.toThrow();
  });

  it("hands on no control characters, wherever they stand", async () => {
    const evil = "a\u001b[31m\u202e<b>\u0000\n\u2028$(rm)";
    const found = await read(
      JSON.stringify({ prompt: evil, answer: evil }) +
        `\n${evil.slice(0, 8)}\n`,
    );
    const text = JSON.stringify([found.samples, found.bad]);
    expect(text).not.toMatch(/[\p{Cc}\p{Cf}\u2028]/u);
    expect(found.samples[0]!.prompt).toContain("<U+202E><b>");
  });
});

describe("inert", () => {
  it("keeps words apart and shortens", () => {
    expect(inert("a  b · c", 80)).toBe("a  b · c");
    expect(inert("x".repeat(1e6), 10)).toBe(`${"x".repeat(9)}…`);
  });
});
