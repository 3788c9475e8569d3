import { existsSync, readdirSync, readFileSync } from "node:fs";
import { format } from "prettier";
import { describe, expect, it } from "vitest";
import {
  formatRunFileError,
  parseOverride,
  readRunFile,
} from "../../../core/run/runFile";
import { runJsonSchema } from "../../../core/run/jsonSchema";

const MINIMAL = "model: m.gguf\ndata:\n  train: d.jsonl\n";

function errorsOf(text: string, overrides: string[] = []): string[] {
  const result = readRunFile(
    text,
    overrides.map((one) => parseOverride(one)!),
  );
  return result.ok
    ? []
    : result.errors.map((error) => formatRunFileError("run.yaml", error));
}

function settingsOf(text: string, overrides: string[] = []) {
  const result = readRunFile(
    text,
    overrides.map((one) => parseOverride(one)!),
  );
  if (!result.ok) throw new Error(JSON.stringify(result.errors));
  return result.settings;
}

describe("readRunFile", () => {
  it("fills in the paper's settings", () => {
    const settings = settingsOf(MINIMAL);
    expect(settings.mask).toEqual({
      kind: "top",
      rho: 0.2,
      pool: "mini-batch",
      rule: "exact",
      denominator: "kept",
    });
    expect(settings.objective).toMatchObject({
      loss: "dapo",
      clipLow: 0.2,
      clipHigh: 0.28,
      beta: 0,
      entropyCoefficient: 0,
    });
  });

  it("takes overrides, the last one wins, and makes sections that are not there", () => {
    const settings = settingsOf(`${MINIMAL}mask: {rho: 0.5}\n`, [
      "mask.kind=random",
      "mask.rho=0.1",
      "data.eval.test=t.jsonl",
      "rollout.temperature=0.7",
      "steps=1",
      "steps=3",
    ]);
    expect(settings.mask).toMatchObject({ kind: "random", rho: 0.1 });
    expect(settings.data.eval).toEqual({ test: "t.jsonl" });
    expect(settings.rollout.temperature).toBe(0.7);
    expect(settings.steps).toBe(3);
  });

  it("names the field, the line and what was given", () => {
    expect(errorsOf(`${MINIMAL}mask:\n  kind: top\n  rho: 1.5\n`)).toEqual([
      "run.yaml:6: mask.rho: expected at most 1, but it is 1.5",
    ]);
    expect(errorsOf(`${MINIMAL}mask:\n  kind: tpo\n`)[0]).toMatch(
      /^run\.yaml:5: mask\.kind: .*"top".* but it is "tpo"$/,
    );
    expect(errorsOf(`${MINIMAL}steps: lots\n`)).toEqual([
      'run.yaml:4: steps: expected a number, but it is "lots"',
    ]);
  });

  it("says what an override gave, a list or a section too", () => {
    const read = readRunFile(MINIMAL, [
      { field: "adapter.targets", value: "[foo]" },
      { field: "optimizer.learningRate", value: ".nan" },
      { field: "eval.every", value: "1e30" },
    ]);
    expect(read.ok ? [] : read.errors).toEqual([
      {
        field: "adapter.targets.0",
        message:
          'expected one of "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj", but it is "foo" (given by --set)',
      },
      {
        field: "optimizer.learningRate",
        message: "expected a number, but it is NaN (given by --set)",
      },
      {
        field: "eval.every",
        message:
          "expected at most 1000000000, but it is 1e+30 (given by --set)",
      },
    ]);
  });

  it("refuses unknown settings and names the nearest", () => {
    expect(errorsOf(`${MINIMAL}mask:\n  roh: 0.2\n`)).toEqual([
      "run.yaml:5: mask.roh: there is no such setting. Did you mean `rho`?",
    ]);
    expect(errorsOf(`${MINIMAL}learning_rate: 1\n`)[0]).toMatch(
      /^run\.yaml:4: learning_rate: there is no such setting\. Known here: name, /,
    );
    expect(errorsOf(MINIMAL, ["optimizer.learningrate=1"])).toEqual([
      "run.yaml: optimizer.learningrate: there is no such setting. Did you mean `learningRate`? (given by --set)",
    ]);
    expect(errorsOf(MINIMAL, ["__proto__.x=1"])[0]).toMatch(
      /__proto__.*no such setting/,
    );
  });

  it("says which needed setting is missing, at its section", () => {
    expect(errorsOf("model: m.gguf\ndata:\n  eval: {}\n")).toEqual([
      "run.yaml:3: data.train: this setting is needed and missing",
    ]);
    expect(errorsOf("")).toHaveLength(2);
  });

  it("refuses combinations that cannot work", () => {
    expect(errorsOf(`${MINIMAL}rollout: {groupSize: 1}\n`)[0]).toMatch(
      /rollout\.groupSize: a group needs at least 2/,
    );
    expect(errorsOf(`${MINIMAL}reward: {kind: python}\n`)[0]).toMatch(
      /reward\.file: a python reward needs the file/,
    );
    expect(errorsOf(MINIMAL, ["miniBatches=65"])[0]).toMatch(
      /miniBatches: a step has 64 sequences/,
    );
    expect(
      errorsOf(
        `${MINIMAL}objective: {overlong: {maximum: 10, cache: 20}}\n`,
      )[0],
    ).toMatch(/objective\.overlong\.cache: must not exceed/);
  });

  it("reports broken YAML with its line, and bombs of aliases", () => {
    expect(errorsOf(`${MINIMAL}steps: [1\n`)[0]).toMatch(/^run\.yaml:\d+: /);
    expect(errorsOf("- a\n- b\n")).toEqual([
      "run.yaml:1: a run file is a mapping of settings such as `steps: 60`",
    ]);
    const bomb = Array.from({ length: 12 }, (_, i) =>
      i === 0
        ? "a0: &a0 [x, x, x, x, x, x, x, x]"
        : `a${i}: &a${i} [${Array(8)
            .fill(`*a${i - 1}`)
            .join(", ")}]`,
    ).join("\n");
    expect(errorsOf(bomb)[0]).toMatch(/alias/i);
  });

  it("keeps names of held-out sets clean, for they become metrics' names", () => {
    expect(errorsOf(MINIMAL, ["data.eval=a/b: x"])).not.toEqual([]);
    expect(errorsOf(`${MINIMAL}  eval:\n    "a/b": x.jsonl\n`)[0]).toMatch(
      /data\.eval.*letters, digits/,
    );
  });
});

describe("the sample run files", () => {
  const folder = new URL("../../../samples/runs/", import.meta.url);
  const files = readdirSync(folder).filter((name) =>
    name.endsWith(".forksight.yaml"),
  );

  it.each(files)("%s is valid, and its data is there", (name) => {
    const settings = settingsOf(readFileSync(new URL(name, folder), "utf8"));
    for (const path of [
      settings.data.train,
      ...Object.values(settings.data.eval),
    ])
      expect(existsSync(new URL(path, folder))).toBe(true);
  });

  it("are there", () => {
    expect(files).toContain("countdown-top20.forksight.yaml");
  });
});

describe("parseOverride", () => {
  it("splits at the first equals sign", () => {
    expect(parseOverride("a.b=c=d")).toEqual({ field: "a.b", value: "c=d" });
    expect(parseOverride("steps")).toBeUndefined();
    expect(parseOverride("=3")).toBeUndefined();
  });
});

describe("schemas/run.schema.json", () => {
  it("is current: npm run schema", async () => {
    const committed = readFileSync(
      new URL("../../../schemas/run.schema.json", import.meta.url),
      "utf8",
    );
    expect(committed).toBe(
      await format(JSON.stringify(runJsonSchema()), { parser: "json" }),
    );
  });

  it("describes every field", () => {
    const bare: string[] = [];
    const visit = (schema: Record<string, unknown>, name: string) => {
      if (name && schema.description === undefined) bare.push(name);
      const properties = schema.properties as
        Record<string, Record<string, unknown>> | undefined;
      for (const [key, value] of Object.entries(properties ?? {}))
        visit(value, name ? `${name}.${key}` : key);
    };
    visit(runJsonSchema(), "");
    expect(bare).toEqual([]);
  });
});
