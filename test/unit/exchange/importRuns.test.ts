/** Import on disk: run folders that the window's own readers take, and sources that stay as they are. */
import { spawnSync } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  readDescription,
  readMetrics,
  readRollouts,
  readStatus,
} from "../../../core/run/readFolder";
import { importCommand, parseImportCommand } from "../../../native/cli/import";
import { UsageError } from "../../../native/cli/usageError";
import { importRuns } from "../../../native/exchange/importRuns";

const FIXTURES = fileURLToPath(
  new URL("../../fixtures/exchange/imports", import.meta.url),
);

let folder: string;
let source: string;
let out: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "forksight-import-"));
  source = join(folder, "source");
  out = join(folder, "runs", "imported");
  cpSync(FIXTURES, source, { recursive: true });
});
afterEach(() => rmSync(folder, { recursive: true }));

const text = (...path: string[]) => readFileSync(join(...path), "utf8");

/** Reads a run folder as the window does. @throws where a file is not what it should be */
function readRun(run: string) {
  const description = readDescription(text(run, "run.json"));
  const status = readStatus(text(run, "status.json"));
  if (!description.ok) throw new Error(description.message);
  if (!status.ok) throw new Error(status.message);
  const metrics = readMetrics(text(run, "metrics.jsonl"));
  const rollouts = readdirSync(join(run, "rollouts")).map((name) =>
    readRollouts(text(run, "rollouts", name)),
  );
  for (const read of [metrics, ...rollouts]) expect(read.bad).toEqual([]);
  return {
    description: description.value,
    status: status.value,
    metrics: metrics.lines,
    rollouts: rollouts.flatMap(({ lines }) => lines),
  };
}

/** Name, size and time of every file. */
function listing(of: string): string[] {
  return readdirSync(of, { recursive: true, encoding: "utf8" })
    .map((name) => {
      const { size, mtimeMs, mode } = statSync(join(of, name));
      return `${name} ${size} ${mtimeMs} ${mode}`;
    })
    .sort();
}

describe("importRuns", () => {
  it("makes a run of each source below a folder, and leaves the sources alone", () => {
    const before = listing(source);
    const { imported, failed } = importRuns(source, out, "1.2.3");
    expect(failed).toEqual([]);
    expect(imported.map((one) => one.folder)).toEqual(
      ["source-tensorboard", "trl", "verl"].map((name) => join(out, name)),
    );
    expect(listing(source)).toEqual(before);
    expect(readdirSync(out).sort()).toEqual(
      ["source-tensorboard", "trl", "verl"].sort(),
    );
    const trl = readRun(join(out, "trl"));
    expect(trl.description.engine).toBe("trl (imported)");
    expect(trl.status).toMatchObject({ state: "done", step: 4, steps: 4 });
    expect(trl.metrics).toHaveLength(4);
    expect(trl.rollouts).toHaveLength(32);
    expect(trl.status.message).toMatch(/completions_00005\.parquet is Parquet/);
    const checkpoint = join("checkpoints", "step-2");
    expect(readdirSync(join(out, "trl", checkpoint))).toEqual([
      "adapter_config.json",
      "adapter_model.safetensors",
    ]);
    expect(
      readFileSync(join(out, "trl", checkpoint, "adapter_model.safetensors")),
    ).toEqual(
      readFileSync(join(source, "trl/checkpoint-2/adapter_model.safetensors")),
    );
    const verl = readRun(join(out, "verl"));
    expect(verl.description.engine).toBe("verl (imported)");
    expect(verl.metrics.map(({ step }) => step)).toEqual([1, 2]);
    expect(verl.rollouts[0]).not.toHaveProperty("tokens");
    expect(verl.status.message).toMatch(
      /computed here: those of 12 of 14 rollouts/,
    );
    expect(readRun(join(out, "source-tensorboard")).description.engine).toBe(
      "tensorboard (imported)",
    );
  });

  it("refreshes what it made, and never takes another run's folder", () => {
    const path = join(source, "verl");
    importRuns(path, out, "1");
    cpSync(join(path, "2.jsonl"), join(path, "3.jsonl"));
    writeFileSync(
      join(path, "3.jsonl"),
      text(path, "2.jsonl").replaceAll('"step": 2', '"step": 3'),
    );
    const [again] = importRuns(path, out, "1").imported;
    expect(again!.folder).toBe(join(out, "verl"));
    expect(readRun(again!.folder).status.step).toBe(3);
    const other = join(folder, "other", "verl");
    cpSync(path, other, { recursive: true });
    expect(importRuns(other, out, "1").imported[0]!.folder).toBe(
      join(out, "verl-2"),
    );
    expect(readdirSync(out).sort()).toEqual(["verl", "verl-2"]);
  });

  it("clears away what a killed import left, and nothing else", () => {
    const gone = spawnSync(process.execPath, ["-e", ""]).pid;
    for (const pid of [gone, process.ppid])
      mkdirSync(join(out, `.importing-${pid}`, "half"), { recursive: true });
    importRuns(join(source, "verl"), out, "1");
    expect(readdirSync(out).sort()).toEqual(
      [`.importing-${process.ppid}`, "verl"].sort(),
    );
  });

  it("numbers the groups of a step's second dump on", () => {
    const completions = join(source, "trl", "completions");
    const first = text(completions, "completions_00001.jsonl");
    writeFileSync(join(completions, "completions_00009.jsonl"), first);
    importRuns(completions, out, "1");
    const { lines } = readRollouts(
      text(out, "trl-completions", "rollouts", "step-1.jsonl"),
    );
    expect(lines).toHaveLength(16);
    const sizes = [0, 1, 2, 3].map(
      (group) => lines.filter((line) => line.group === group).length,
    );
    expect(sizes).toEqual([4, 4, 4, 4]);
  });

  it("answers on the command line, for a person and as JSON", async () => {
    const args = [join(source, "verl"), "--out", out];
    const said = await importCommand(args, "1");
    expect(said.split("\n")[0]).toBe(
      `${join(out, "verl")}: 2 steps, 2 with rollouts, 0 checkpoints with an adapter`,
    );
    const json = await importCommand([...args, "--json"], "1");
    expect(JSON.parse(json)).toMatchObject({
      imported: [{ folder: join(out, "verl"), steps: 2, rollouts: 2 }],
      failed: [],
    });
    expect(() => parseImportCommand([])).toThrow(/takes one path/);
    expect(() => parseImportCommand(["a", "--in"])).toThrow(UsageError);
    expect(parseImportCommand(["-h"]).kind).toBe("help");
  });

  it("takes single files", () => {
    for (const [file, name] of [
      ["trl/checkpoint-4/trainer_state.json", "trl-checkpoint-4"],
      ["tensorboard/events.out.tfevents.0.fixture", "source-tensorboard"],
      ["verl/2.jsonl", "verl"],
      ["trl/completions/completions_00004.csv", "trl-completions"],
    ]) {
      const { imported } = importRuns(join(source, file!), out, "1");
      expect(imported.map((one) => one.folder)).toEqual([join(out, name!)]);
      readRun(join(out, name!));
    }
  });

  it("reads Python's NaN in trainer_state.json", () => {
    const state = join(source, "trl", "trainer_state.json");
    writeFileSync(
      state,
      '{"global_step": 2, "max_steps": 2, "log_history": [{"step": 1, "loss": NaN, "reward": 1}, {"step": 2, "loss": 0.5, "note": "NaN"}]}',
    );
    const { imported } = importRuns(state, out, "1");
    const { metrics } = readRun(imported[0]!.folder);
    expect(metrics.map(({ loss }) => loss)).toEqual([undefined, 0.5]);
  });

  it("says what is wrong, where, and what to do", () => {
    const fails = (path: string) => () => importRuns(path, out, "1");
    expect(fails(join(source, "gone"))).toThrow(`There is no`);
    mkdirSync(join(source, "empty"));
    expect(fails(join(source, "empty"))).toThrow(
      /Nothing in .*empty can be imported: a trainer_state\.json/,
    );
    expect(
      fails(join(source, "trl/completions/completions_00005.parquet")),
    ).toThrow(/is Parquet.*pandas\.read_parquet/);
    const damaged = join(source, "events.out.tfevents.1.x");
    writeFileSync(damaged, "no event file at all");
    expect(fails(damaged)).toThrow(
      `${damaged} cannot be imported: it does not`,
    );
    expect(fails(join(source, "trl/checkpoint-2/adapter_config.json"))).toThrow(
      /cannot be imported: trainer_state\.json, TensorBoard/,
    );
    expect(() => readdirSync(out)).toThrow();
  });
});
