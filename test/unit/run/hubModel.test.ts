import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { namedFiles } from "../../../core/run/namedFiles";
import {
  absolutePaths,
  namesHubModel,
} from "../../../extension/runFiles/absolutePaths";

const folder = mkdtempSync(join(tmpdir(), "forksight-hub-"));
afterAll(() => rmSync(folder, { recursive: true }));

const ID = "Qwen/Qwen3-0.6B";

test("a model that reads like owner/name and is no file stays one, for the engines that fetch it", () => {
  const settings = { model: ID, data: { train: "t.jsonl" } };
  const data = { train: join(folder, "t.jsonl") };
  for (const engine of ["trl", "ray"])
    expect(absolutePaths({ ...settings, engine }, folder)).toEqual({
      ...{ engine, model: ID, data },
    });
  expect(absolutePaths({ ...settings, engine: "embedded" }, folder).model).toBe(
    join(folder, ID),
  );
  expect(absolutePaths(settings, folder).model).toBe(join(folder, ID));
});

test("a folder that is there, a path and a GGUF are no ids", () => {
  mkdirSync(join(folder, "models", "small"), { recursive: true });
  const isHub = (model: string) =>
    namesHubModel({ engine: "trl", model }, folder);
  expect(isHub("models/other")).toBe(true);
  for (const path of [
    "models/small",
    "models/none.gguf",
    "../none",
    "./none",
    "/none/none",
    "a/b/c",
    "none",
  ])
    expect(isHub(path)).toBe(false);
});

test("a run file's model may be an id where its engine fetches one", () => {
  const idsOf = (text: string) =>
    namedFiles(text).map(({ field, mayBeHubId }) => [field, mayBeHubId]);
  const data = "data: {train: some/data}";
  expect(idsOf(`engine: trl\nmodel: ${ID}\n${data}\n`)).toEqual([
    ["model", true],
    ["data.train", false],
  ]);
  expect(idsOf(`model: ${ID}\n${data}\n`)).toEqual([
    ["model", false],
    ["data.train", false],
  ]);
});
