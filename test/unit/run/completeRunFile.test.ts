import { describe, expect, it } from "vitest";
import { completeRunFile, settingAt } from "../../../core/run/completeRunFile";
import { namedFiles } from "../../../core/run/namedFiles";
import { readRunFile } from "../../../core/run/runFile";

/** The place of the cursor is written as a bar. */
function at(marked: string) {
  const offset = marked.indexOf("|");
  const text = marked.replace("|", "");
  const offered = completeRunFile(text, offset);
  return { text, offset, offered, labels: offered.map(({ label }) => label) };
}

describe("completeRunFile", () => {
  it("offers the settings that are not there yet", () => {
    const { labels } = at("model: m\nsteps: 3\n|");
    expect(labels).toContain("mask");
    expect(labels).toContain("seed");
    expect(labels).not.toContain("model");
    expect(labels).not.toContain("steps");
  });

  it("offers a section's settings by the indentation, wherever the cursor stands in it", () => {
    expect(at("mask:\n  kind: top\n  |\nsteps: 3").labels).toEqual([
      "rho",
      "pool",
      "rule",
      "denominator",
    ]);
    expect(at("mask:\n  |\n  rho: 0.1").labels).not.toContain("rho");
    expect(at("objective:\n  overlong:\n    m|").labels).toEqual([
      "maximum",
      "cache",
    ]);
  });

  it("replaces what is typed of a name", () => {
    const { offered, offset } = at("mask:\n  de|");
    const found = offered.find(({ label }) => label === "denominator")!;
    expect(found).toMatchObject({
      insert: "denominator: ",
      start: offset - 2,
      detail: "Default: `kept`.",
    });
    expect(found.documentation).toContain("The masked sum is divided");
  });

  it("opens a section with its indentation", () => {
    const { offered } = at("obj|");
    expect(offered.find(({ label }) => label === "objective")!.insert).toBe(
      "objective:\n  ",
    );
  });

  it("offers values with what they mean", () => {
    const { offered, labels } = at("mask:\n  rule: q|");
    expect(labels).toEqual(["exact", "quantile"]);
    expect(offered[1]).toMatchObject({
      detail: "",
      documentation: "all at or above the quantile (TRL).",
    });
    expect(offered[0]!.detail).toBe("default");
    expect(at("objective:\n  dynamicSampling: |").labels).toEqual([
      "true",
      "false",
    ]);
    expect(at("steps: |").labels).toEqual(["60"]);
  });

  it("offers values in both kinds of lists", () => {
    expect(at("adapter:\n  targets: [q_proj, |").labels).toContain("v_proj");
    expect(at("adapter:\n  targets:\n    - q_proj\n    - |").labels).toContain(
      "o_proj",
    );
    expect(at("adapter:\n  targets:\n  - |").labels).toContain("o_proj");
  });

  it.each([
    "# mas|",
    "model: m # |",
    "data:\n  eval:\n    te|",
    "nothing:\n  |",
    "name: x y|",
    "mask: {|",
    "constructor:\n  |",
    "mask:\n  toString: |",
  ])("offers nothing in %j", (marked) => {
    expect(at(marked).labels).toEqual([]);
  });

  it("offers only what the schema takes", () => {
    for (const name of at("|").labels) {
      const inserted = at("|").offered.find(({ label }) => label === name)!;
      expect(inserted.documentation).not.toBe("");
    }
  });
});

describe("settingAt", () => {
  const of = (marked: string) => {
    const { text, offset } = at(marked);
    const found = settingAt(text, offset);
    return found && [found.name, text.slice(found.start, found.end)];
  };

  it("knows the setting of a line, on its name and its value", () => {
    expect(of("mask:\n  r|ho: 0.2")).toEqual(["mask.rho", "rho"]);
    expect(of("mask:\n  rho: 0.|2 # so")).toEqual(["mask.rho", "rho"]);
    expect(of("ma|sk:\n  rho: 0.2")).toEqual(["mask", "mask"]);
    expect(of("mask:\n\n# c\n  kind: top\nst|eps: 1")).toEqual([
      "steps",
      "steps",
    ]);
  });

  it("knows none in comments and elsewhere", () => {
    expect(of("mask:\n  rho: 0.2 # r|ho")).toBeUndefined();
    expect(of("mask:\n  roh|: 0.2")).toBeUndefined();
    expect(of("|")).toBeUndefined();
  });
});

describe("namedFiles", () => {
  it("finds every path with its place", () => {
    const text =
      "model: m.gguf\ndata:\n  train: 'a b.jsonl'\n  eval: {t: t.jsonl}\nreward: {kind: python, file: r.py}\n";
    expect(
      namedFiles(text).map(({ field, path, start, end }) => [
        field,
        path,
        text.slice(start, end),
      ]),
    ).toEqual([
      ["model", "m.gguf", "m.gguf"],
      ["data.train", "a b.jsonl", "'a b.jsonl'"],
      ["reward.file", "r.py", "r.py"],
      ["data.eval.t", "t.jsonl", "t.jsonl"],
    ]);
  });

  it.each([
    "",
    "- a",
    "model: [",
    "data: 3",
    "data: {eval: [x]}",
    "model: {a: b}",
  ])("survives %j", (text) => {
    expect(namedFiles(text)).toEqual([]);
  });
});

describe("an unknown setting", () => {
  it("has the place of its name and the name that was meant", () => {
    const text = "model: m\ndata: {train: d}\nmask:\n  roh: 0.2\n";
    const read = readRunFile(text);
    const [error] = read.ok ? [] : read.errors;
    expect(error?.suggestion).toBe("rho");
    expect(text.slice(error?.range?.start, error?.range?.end)).toBe("roh");
  });
});
