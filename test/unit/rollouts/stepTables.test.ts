import {
  mkdirSync,
  mkdtempSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { rolloutPlace } from "../../../core/run/folder";
import { adapterName } from "../../../core/run/adapterName";
import { OpenFiles } from "../../../extension/records/openFiles";
import {
  checkpointsOf,
  readRunFacts,
  rolloutSteps,
} from "../../../extension/rollouts/runFolder";
import { StepTables } from "../../../extension/rollouts/stepTables";

const rollout = (reward: number) =>
  JSON.stringify({
    step: 1,
    group: 0,
    prompt: "?",
    completion: "a",
    reward,
    advantage: 0,
    clipped: false,
    tokens: { ids: [1], entropy: [0.5], kept: [1] },
  });

let folder: string;
let files: OpenFiles;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "forksight-run-"));
  mkdirSync(join(folder, "rollouts"));
  files = new OpenFiles();
});
afterEach(async () => {
  await files.dispose();
  rmSync(folder, { recursive: true });
});

const write = (step: number, ...lines: string[]) => {
  const file = join(folder, "rollouts", `step-${step}.jsonl`);
  writeFileSync(file, lines.map((line) => `${line}\n`).join(""));
  return file;
};

describe("the table of a step", () => {
  it("names bad lines by number, and has the rest with the numbers of their records", async () => {
    write(
      1,
      rollout(1),
      "{ not JSON",
      "",
      '{"step": 1, "completion": "no more"}',
      rollout(2),
      JSON.stringify({
        ...(JSON.parse(rollout(3)) as object),
        tokens: { ids: [1, 2], entropy: [0], kept: [1] },
      }),
    );
    const { rows, bad } = await new StepTables(files).of(folder, 1, {});
    expect(rows.map(({ index, reward }) => [index, reward])).toEqual([
      [1, 1],
      [4, 2],
    ]);
    expect(bad.map(({ line }) => line)).toEqual([2, 4, 6]);
    expect(bad.every(({ message }) => message.length > 0)).toBe(true);
  });

  it("is read again only when its file has changed", async () => {
    const file = write(1, rollout(1));
    const tables = new StepTables(files);
    const first = await tables.of(folder, 1, {});
    expect(await tables.of(folder, 1, {})).toBe(first);
    write(1, rollout(1), rollout(2));
    const later = new Date(Date.now() + 5000);
    utimesSync(file, later, later);
    expect((await tables.of(folder, 1, {})).rows).toHaveLength(2);
  });

  it("keeps a few steps and lets the others go", async () => {
    for (let step = 1; step <= 4; step++) write(step, rollout(step));
    const tables = new StepTables(files);
    const first = await tables.of(folder, 1, {});
    for (let step = 2; step <= 4; step++) await tables.of(folder, step, {});
    const again = await tables.of(folder, 1, {});
    expect(again).not.toBe(first);
    expect(again).toEqual(first);
  });

  it("stops at an abort, and says of an empty file that it is", async () => {
    write(1, ...Array.from({ length: 5000 }, (_, i) => rollout(i)));
    const abort = new AbortController();
    abort.abort(new Error("enough"));
    const tables = new StepTables(files);
    await expect(
      tables.of(folder, 1, { signal: abort.signal }),
    ).rejects.toThrow("enough");
    write(2);
    await expect(tables.of(folder, 2, {})).rejects.toThrow(/holds no records/);
  });
});

describe("a run folder", () => {
  it("has the steps of its rollouts and the checkpoints with an adapter", async () => {
    for (const step of [10, 2, 1]) write(step, rollout(1));
    writeFileSync(join(folder, "rollouts", "notes.txt"), "");
    mkdirSync(join(folder, "rollouts", "step-7"));
    for (const step of [2, 10, 9]) {
      mkdirSync(join(folder, "checkpoints", `step-${step}`), {
        recursive: true,
      });
      if (step !== 9)
        writeFileSync(
          join(folder, "checkpoints", `step-${step}`, "adapter.gguf"),
          "",
        );
    }
    expect(await rolloutSteps(folder)).toEqual([1, 2, 10]);
    const checkpoints = await checkpointsOf(folder);
    expect(checkpoints.map(({ step }) => step)).toEqual([10, 2]);
    expect(await rolloutSteps(join(folder, "none"))).toEqual([]);
    expect(await checkpointsOf(join(folder, "none"))).toEqual([]);
  });

  it("that cannot be read is named with what is wrong", async () => {
    await expect(readRunFacts(folder)).rejects.toThrow(/is no run folder/);
    writeFileSync(join(folder, "run.json"), "{}");
    await expect(readRunFacts(folder)).rejects.toThrow(
      /run\.json cannot be read: format/,
    );
  });
});

describe("paths", () => {
  it("of rollouts tell run and step", () => {
    const place = { folder: "/runs/a", step: 12 };
    expect(rolloutPlace("/runs/a/rollouts/step-12.jsonl")).toEqual(place);
    expect(rolloutPlace("C:\\runs\\a\\rollouts\\step-12.jsonl")).toEqual({
      folder: "C:\\runs\\a",
      step: 12,
    });
    expect(rolloutPlace("/runs/a/step-12.jsonl")).toBeUndefined();
    expect(rolloutPlace("/runs/a/rollouts/step-12")).toBeUndefined();
    expect(rolloutPlace("/runs/a/rollouts/other.jsonl")).toBeUndefined();
  });

  it("of adapters give their names", () => {
    const at = (run: string) => `/runs/${run}/checkpoints/step-30/adapter.gguf`;
    expect(adapterName(at("top20"))).toBe("top20 step 30");
    expect(adapterName(at("top20-20261126-040210"))).toBe("top20 step 30");
    expect(adapterName("/models/mine.gguf")).toBe("mine");
  });
});
