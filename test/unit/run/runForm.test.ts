import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  checkForm,
  formOf,
  type FormValue,
  type FormValues,
} from "../../../core/run/runForm";
import { readRunFile } from "../../../core/run/runFile";
import {
  SETTING_FIELDS,
  type SettingField,
} from "../../../core/run/settingFields";
import { writeRunFile } from "../../../core/run/writeRunFile";
import { seeded } from "../seeded";

const SAMPLE = readFileSync(
  new URL(
    "../../../samples/runs/countdown-top20.forksight.yaml",
    import.meta.url,
  ),
  "utf8",
);

const MINIMAL = { model: "m.gguf", data: { train: "d.jsonl" } };

function settingsOf(text: string) {
  const read = readRunFile(text);
  if (!read.ok) throw new Error(JSON.stringify(read.errors));
  return read.settings;
}

/** A value that the schema may or may not like. */
function randomValue(field: SettingField, random: () => number): FormValue {
  const pick = <T>(...among: T[]) =>
    among[Math.floor(random() * among.length)]!;
  switch (field.kind) {
    case "choice":
      return pick(...field.choices);
    case "flag":
      return random() < 0.5;
    case "choices":
      return field.choices.filter(() => random() < 0.6);
    case "sets":
      return pick<FormValue>(
        [],
        [{ name: "test", path: "a: b #c.jsonl" }],
        [
          { name: "x-1", path: "'quoted'.jsonl" },
          { name: "y.2", path: '../y "z".jsonl' },
        ],
      );
    case "integer":
      return pick("0", "1", "2", "7", "64", "1e2", " 16 ", "");
    case "number":
      return pick("0", "0.5", "1", ".25", "1e-8", "0.999", "");
    default:
      return pick(
        "true",
        "1e3",
        "~",
        "- x",
        "# no comment",
        "null",
        "a: b",
        "ünï\u202eçode",
        "[x",
        "",
      );
  }
}

function randomForm(random: () => number): FormValues {
  const values: Record<string, FormValue> = { ...formOf(MINIMAL) };
  for (const field of SETTING_FIELDS)
    if (random() < 0.3) values[field.name] = randomValue(field, random);
  return values;
}

describe("form and run file", () => {
  it("what the form writes is read back as the settings that it was checked as", () => {
    const random = seeded(5);
    let held = 0;
    for (let n = 0; n < 500; n++) {
      const { settings, written } = checkForm(randomForm(random));
      if (settings === undefined) continue;
      held += 1;
      expect(settingsOf(writeRunFile(written))).toEqual(settings);
      expect(settingsOf(writeRunFile(written, SAMPLE))).toEqual(settings);
    }
    expect(held).toBeGreaterThan(30);
  }, 30_000);

  it("a file's settings go through the form unchanged", () => {
    const settings = settingsOf(SAMPLE);
    expect(checkForm(formOf({ ...settings })).settings).toEqual(settings);
  });

  it("nothing changed leaves a file as it is, to the letter", () => {
    const { written } = checkForm(formOf({ ...settingsOf(SAMPLE) }));
    expect(writeRunFile(written, SAMPLE)).toBe(SAMPLE);
  });

  it("one change changes one line, and comments stay", () => {
    const values = { ...formOf({ ...settingsOf(SAMPLE) }), "mask.rho": "0.1" };
    const text = writeRunFile(checkForm(values).written, SAMPLE);
    const before = SAMPLE.split("\n");
    const after = text.split("\n");
    expect(after).toHaveLength(before.length);
    expect(after.filter((line, i) => line !== before[i])).toEqual([
      "  rho: 0.1 # TRL: top_entropy_quantile; the authors: entropy_top_ratio",
    ]);
  });

  it("removes a section that the form has emptied", () => {
    const text =
      "model: m\ndata: {train: d}\nobjective:\n  overlong: {maximum: 9, cache: 2}\n";
    const values = {
      ...formOf({ ...settingsOf(text) }),
      "objective.overlong.maximum": "",
      "objective.overlong.cache": "",
    };
    const { written, settings } = checkForm(values);
    expect(settingsOf(writeRunFile(written, text))).toEqual(settings);
  });

  it("writes the essentials and what differs, with comments", () => {
    const text = writeRunFile(
      checkForm(formOf({ ...MINIMAL, mask: { kind: "bottom" } })).written,
    );
    expect(text).toContain(
      "kind: bottom # Which response tokens carry the gradient\n",
    );
    expect(text).toContain("rho: 0.2 #");
    expect(text).toContain("seed: 1 #");
    expect(text).not.toContain("temperature");
    expect(text).not.toContain("trl:");
  });

  it("keeps unknown settings of a hand-written file, which then say what is wrong with them", () => {
    const text = "model: m\ndata: {train: d}\nmask: {roh: 0.1}\n";
    const { written } = checkForm(formOf({ model: "m", data: { train: "d" } }));
    expect(writeRunFile(written, text)).toContain("roh: 0.1");
  });
});

describe("checkForm", () => {
  const problemsOf = (changes: FormValues) =>
    checkForm({ ...formOf(MINIMAL), ...changes }).problems;

  it.each([
    ["mask.rho", "1.5", "at most 1"],
    ["mask.rho", "a fifth", 'it is "a fifth"'],
    ["mask.rho", "0x10", "expected a number"],
    ["steps", "2.5", "expected a whole number"],
    ["steps", "", undefined],
    ["model", "", "needed and missing"],
    ["data.train", "", "needed and missing"],
    ["adapter.targets", [], "expected at least 1 item"],
    ["data.eval", [{ name: "a/b", path: "x" }], "letters, digits"],
    ["data.eval", [{ name: "a", path: "" }], "a path is needed"],
    ["data.eval", [{ name: "", path: "x" }], "letters, digits"],
    [
      "data.eval",
      [
        { name: "a", path: "x" },
        { name: "a", path: "y" },
      ],
      'two sets are called "a"',
    ],
    ["data.eval", [{ name: "", path: "" }], undefined],
  ] as const)("%s = %j", (field, value, message) => {
    const problems = problemsOf({ [field]: value });
    if (message === undefined) expect(problems).toEqual([]);
    else {
      expect(problems.map((one) => one.field)).toEqual([field]);
      expect(problems[0]!.message).toContain(message);
    }
  });

  it("puts what concerns several settings at one of them", () => {
    expect(
      problemsOf({ "objective.overlong.maximum": "5" }).map((one) => one.field),
    ).toEqual(["objective.overlong.cache"]);
    expect(
      problemsOf({ "reward.kind": "python" }).map((one) => one.field),
    ).toEqual(["reward.file"]);
  });

  it("shows values of the wrong kind, so that they can be mended", () => {
    const form = formOf({ ...MINIMAL, steps: "lots", seed: [1], mask: 3 });
    expect(form).toMatchObject({
      steps: "lots",
      seed: "[1]",
      "mask.rho": "0.2",
    });
    expect(checkForm(form).problems.map((one) => one.field)).toEqual([
      "steps",
      "seed",
    ]);
  });
});
