import { resolve } from "node:path";
import { expect, test } from "vitest";
import { readRunFile } from "../../../core/run/runFile";
import { mapPaths } from "../../../core/run/runPaths";
import { duplicateText } from "../../../extension/runs/duplicateText";

const TEXT = `# why this run is as it is
name: first
model: ../models/pocket.gguf # small
data: {train: train.jsonl, eval: {held: ../held.jsonl}}
mask:
  kind: top # the forking tokens
seed: 3
`;

function settingsOf(text: string) {
  const read = readRunFile(text);
  if (!read.ok) throw new Error(JSON.stringify(read.errors));
  return read.settings;
}

/** What run.json holds of the run file when it lies in /w/runs, started with another mask. */
function recorded() {
  const settings = settingsOf(TEXT);
  const mask = { ...settings.mask, kind: "random" as const };
  const absolute = (path: string) => resolve("/w/runs", path);
  return { ...mapPaths({ ...settings, mask }, absolute), name: "second" };
}

test("a duplicate keeps the comments and has the run's settings, overrides included", () => {
  const text = duplicateText(
    recorded(),
    "/w/runs/second.forksight.yaml",
    "/w",
    TEXT,
  );
  expect(text).toContain("# why this run is as it is");
  expect(text).toContain("model: ../models/pocket.gguf # small");
  const { name, mask } = recorded();
  expect(settingsOf(text)).toEqual({ ...settingsOf(TEXT), name, mask });
});

test("a model's id on Hugging Face is no path", () => {
  const settings = { ...recorded(), model: "Qwen/Qwen3-0.6B" };
  expect(
    settingsOf(duplicateText(settings, "/w/a.forksight.yaml", "/w")).model,
  ).toBe(settings.model);
});

test("a duplicate elsewhere names the same files", () => {
  const text = duplicateText(recorded(), "/w/a.forksight.yaml", "/w");
  const settings = settingsOf(text);
  expect(settings.model).toBe("models/pocket.gguf");
  expect(settings.data).toEqual({
    train: "runs/train.jsonl",
    eval: { held: "held.jsonl" },
  });
  expect({ ...settings, model: "", data: "" }).toEqual({
    ...recorded(),
    model: "",
    data: "",
  });
});

test("a file outside the workspace folder is named by its whole path", () => {
  const text = duplicateText(
    recorded(),
    "/w/runs/second.forksight.yaml",
    "/w/runs",
  );
  const { model, data } = settingsOf(text);
  expect(model).toBe(resolve("/w/models/pocket.gguf"));
  expect(data).toEqual({
    train: "train.jsonl",
    eval: { held: "/w/held.jsonl" },
  });
});

test("a path stays as the run file beside it has it", () => {
  const text = duplicateText(
    recorded(),
    "/w/runs/second.forksight.yaml",
    "/w/runs",
    TEXT,
  );
  expect(text).toContain("model: ../models/pocket.gguf # small");
});
