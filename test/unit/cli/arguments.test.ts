import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  adapterCommand,
  parseAdapterCommand,
} from "../../../native/cli/adapter";
import { parseCommand } from "../../../native/cli/arguments";
import { UsageError } from "../../../native/cli/usageError";

const annotate = (...args: string[]) => parseCommand(["annotate", ...args]);

describe("parseCommand", () => {
  it("has defaults for everything but the file", () => {
    expect(annotate("t.md")).toEqual({
      kind: "annotate",
      arguments: {
        file: "t.md",
        model: undefined,
        adapter: undefined,
        topK: 10,
        temperature: 1,
        record: undefined,
        precision: "fast",
        format: undefined,
        cut: { kind: "share", share: 0.2 },
        gpu: "auto",
        contextSize: 0,
        verbose: false,
      },
    });
  });

  it("takes every option", () => {
    const all =
      "r.jsonl --model m.gguf --adapter a.gguf --top-k 3 --temperature 0.6 --record 2 --precision exact --format json --cut 0.672 --gpu off --context-size 4096 --verbose";
    expect(annotate(...all.split(" "))).toEqual({
      kind: "annotate",
      arguments: {
        file: "r.jsonl",
        model: "m.gguf",
        adapter: "a.gguf",
        topK: 3,
        temperature: 0.6,
        record: 2,
        precision: "exact",
        format: "json",
        cut: { kind: "fixed", nats: 0.672 },
        gpu: "off",
        contextSize: 4096,
        verbose: true,
      },
    });
    expect(annotate("t", "--cut", "10%")).toMatchObject({
      arguments: { cut: { kind: "share", share: 0.1 } },
    });
  });

  it("knows help and version", () => {
    expect(parseCommand(["--help"])).toEqual({ kind: "help" });
    expect(annotate("-h")).toEqual({ kind: "help" });
    expect(parseCommand(["--version"])).toEqual({ kind: "version" });
  });

  it.each([
    [[], "No command"],
    [["anotate", "t"], 'no command "anotate"'],
    [["annotate"], "none was"],
    [["annotate", "a", "b"], "2 were"],
    [["annotate", "t", "--colour"], "--colour"],
    [["annotate", "t", "--top-k", "-1"], "--top-k"],
    [["annotate", "t", "--top-k", "1.5"], "1.5"],
    [["annotate", "t", "--temperature", "0"], "above 0"],
    [["annotate", "t", "--temperature", "warm"], "warm"],
    [["annotate", "t", "--record", "0"], "from 1"],
    [["annotate", "t", "--precision", "high"], "fast, exact"],
    [["annotate", "t", "--format", "html"], "ansi, json"],
    [["annotate", "t", "--gpu", "yes"], "vulkan"],
    [["annotate", "t", "--cut", "0%"], "--cut"],
    [["annotate", "t", "--cut", "much"], "0.672"],
    [["annotate", "t", "--context-size", ""], "--context-size"],
  ])("refuses %j and says why", (args, why) => {
    expect(() => parseCommand(args)).toThrow(UsageError);
    expect(() => parseCommand(args)).toThrow(why);
  });
});

describe("parseAdapterCommand", () => {
  it("takes two paths and the base model", () => {
    expect(parseAdapterCommand(["a.gguf", "out", "--base", "m.gguf"])).toEqual({
      kind: "convert",
      input: "a.gguf",
      output: "out",
      base: "m.gguf",
      force: false,
    });
    expect(parseAdapterCommand(["-h"])).toEqual({ kind: "help" });
  });

  it("replaces nothing without --force", async () => {
    const folder = mkdtempSync(join(tmpdir(), "forksight-"));
    const output = join(folder, "mine.gguf");
    writeFileSync(output, "mine");
    for (const taken of [output, folder])
      await expect(adapterCommand(["no-such", taken])).rejects.toThrow(
        `${taken} is there already. Name another, or add --force`,
      );
    await expect(
      adapterCommand(["no-such", output, "--force"]),
    ).rejects.toThrow("There is no no-such.");
    rmSync(folder, { recursive: true });
  });

  it("says what is wrong", () => {
    for (const args of [[], ["a"], ["a", "b", "c"], ["a", "b", "--bse", "m"]])
      expect(() => parseAdapterCommand(args)).toThrow(UsageError);
  });
});
