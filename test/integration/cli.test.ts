import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AnnotationJson } from "../../core/annotation/annotationJson";
import { FIXTURE_MODEL, inRepository } from "./engine/engineUnderTest";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "forksight-cli-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function save(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

function cli(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [inRepository("dist/cli.mjs"), ...args],
    { encoding: "utf8", env: { ...process.env, NO_COLOR: "" } },
  );
  return { status, stdout, stderr };
}

const annotate = (file: string, ...args: string[]) =>
  cli("annotate", file, "--model", FIXTURE_MODEL, "--gpu", "off", ...args);

describe("forksight annotate", () => {
  it("prints JSON where stdout is no terminal: model, tokens, summary", () => {
    const text = "the 世界 😀\r\nso";
    const { status, stdout, stderr } = annotate(
      save("t.md", text),
      "--top-k",
      "2",
      "--precision",
      "exact",
    );
    expect([status, stderr]).toEqual([0, ""]);
    const json = JSON.parse(stdout) as AnnotationJson;
    expect(json.model).toMatchObject({
      architecture: "qwen3",
      path: FIXTURE_MODEL,
    });
    expect(
      json.tokens.map(({ start, end }) => text.slice(start, end)).join(""),
    ).toBe(text);
    expect(json.tokens[0]?.entropy).toBeNull();
    expect(json.tokens[1]?.top).toHaveLength(2);
    expect(json.summary.tokens).toBe(json.tokens.length);
    expect(json.settings).toMatchObject({ precision: "exact", topK: 2 });
  });

  it("prints for a terminal when asked to", () => {
    const { status, stdout } = annotate(
      save("t.txt", "the end"),
      "--format",
      "ansi",
    );
    expect(status).toBe(0);
    expect(stdout).toContain("\u001b[");
    expect(stdout).toContain("Forksight fixture");
  });

  it("annotates the response of a record, behind its prompt; records count from 1", () => {
    const file = save(
      "r.jsonl",
      '{"prompt": "the question ", "completion": "the one"}\n{"question": "?", "response": "and so"}\nnot a record\n',
    );
    const first = JSON.parse(annotate(file).stdout) as AnnotationJson;
    const second = JSON.parse(
      annotate(file, "--record", "2").stdout,
    ) as AnnotationJson;
    const text = (json: AnnotationJson) =>
      json.tokens.map((token) => token.text).join("");
    expect([text(first), text(second)]).toEqual(["the one", "and so"]);
    // Conditioned: even the first token has a distribution.
    expect(first.tokens[0]?.entropy).toBeGreaterThan(0);
    for (const [record, why] of [
      ["3", /line 3/],
      ["4", /records 1 to 3/],
    ] as const) {
      const { status, stderr } = annotate(file, "--record", record);
      expect(status).toBe(1);
      expect(stderr).toMatch(why);
      expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    }
  });

  it("ends with 1 and one line for an error in the input", () => {
    const text = save("a.txt", "a");
    const errors = [
      annotate(join(folder, "absent.txt")),
      annotate(folder),
      annotate(save("binary.txt", Uint8Array.of(0xff, 0xfe, 0x00, 0x80))),
      annotate(text, "--record", "1"),
      cli("annotate", text, "--model", join(folder, "absent.gguf")),
      cli("annotate", text, "--model", text, "--gpu", "off"),
      annotate(text, "--adapter", text),
    ];
    for (const { status, stdout, stderr } of errors) {
      expect([status, stdout]).toEqual([1, ""]);
      expect(stderr).toMatch(/^forksight: .{20,}\n$/);
    }
  });

  it("ends with 2 for wrong usage, and helps", () => {
    for (const args of [
      [],
      ["annotate"],
      ["annotate", "a", "--format", "html"],
      ["--no-such"],
    ]) {
      const { status, stderr } = cli(...args);
      expect(status).toBe(2);
      expect(stderr).toMatch(/^forksight: .*--help/);
    }
    const help = cli("--help");
    expect([help.status, help.stderr]).toEqual([0, ""]);
    expect(help.stdout).toContain("forksight annotate FILE");
    expect(cli("--version").stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});
