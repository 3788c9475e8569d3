import { expect, it } from "vitest";
import { parseOverride, readRunFile } from "../../../core/run/runFile";

const MINIMAL = "model: m.gguf\ndata: {train: d.jsonl}\n";

function ignoredIn(text: string, overrides: readonly string[] = []) {
  const read = readRunFile(
    MINIMAL + text,
    overrides.map((one) => parseOverride(one)!),
  );
  if (!read.ok) throw new Error(JSON.stringify(read.errors));
  return read.ignored;
}

it.each([
  ["", []],
  ["trl: {processes: 1}\nray: {}", ["trl", "ray"]],
  ["engine: trl\ntrl: {processes: 2}\nray: {workers: 2}", ["ray"]],
  ["engine: ray\nray: {workers: 2}\ntrl: {precision: float32}", []],
  ["engine: ray\ntrl: {processes: 1}", ["trl.processes"]],
  ["objective: {maxResamples: 3}", ["objective.maxResamples"]],
  ["objective: {maxResamples: 3, dynamicSampling: true}", []],
  [
    "reward: {kind: exact, file: r.py, python: py, timeoutSeconds: 30}",
    ["reward.file", "reward.timeoutSeconds", "reward.python"],
  ],
  ["reward: {kind: python, file: r.py, python: py, timeoutSeconds: 9}", []],
  [
    "engine: trl\nreward: {kind: python, file: r.py, python: py, timeoutSeconds: 9}",
    ["reward.python"],
  ],
  [
    "reward: {kind: javascript, file: r.mjs, python: py, timeoutSeconds: 9}",
    ["reward.python"],
  ],
])("names what has no effect in %j", (text, fields) => {
  expect(ignoredIn(text).map(({ field }) => field)).toEqual(fields);
});

it("says where in the file, and that an override was it", () => {
  const [one] = ignoredIn("objective:\n  maxResamples: 9\n");
  expect(one).toMatchObject({
    message: "not used without objective.dynamicSampling",
    line: 4,
    column: 3,
  });
  const [overridden] = ignoredIn("", ["objective.maxResamples=9"]);
  expect(overridden).toEqual({
    field: "objective.maxResamples",
    message: "not used without objective.dynamicSampling (given by --set)",
  });
  expect(
    ignoredIn("objective: {maxResamples: 9}", [
      "objective.dynamicSampling=true",
    ]),
  ).toEqual([]);
});
