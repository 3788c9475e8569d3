/** What TRL, TensorBoard and verl wrote (test/fixtures/exchange/make_imports.py), read. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { crc32c } from "../../../core/exchange/crc32c";
import { readCsv } from "../../../core/exchange/csv";
import { readEventFile } from "../../../core/exchange/eventFile";
import { rolloutNotes } from "../../../core/exchange/importedRun";
import {
  metricsOfScalars,
  readTrainerState,
} from "../../../core/exchange/loggedMetrics";
import { readRolloutDump } from "../../../core/exchange/rolloutDump";
import { parseJsonBytes } from "../../../core/traces/parseJson";

const fixtures = new URL("../../fixtures/exchange/imports/", import.meta.url);
const EVENTS = "events.out.tfevents.0.fixture";
const bytesOf = (name: string) =>
  new Uint8Array(readFileSync(new URL(name, fixtures)));
const jsonOf = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(name, fixtures), "utf8"));
const linesOf = (name: string) =>
  readFileSync(new URL(name, fixtures), "utf8")
    .trim()
    .split("\n")
    .map((line) => {
      const parsed = parseJsonBytes(new TextEncoder().encode(line), false);
      return parsed.kind === "value" ? parsed.value : undefined;
    });

describe("crc32c", () => {
  it("gives the check value of the standard", () => {
    const text = new TextEncoder().encode("123456789");
    expect(crc32c(text)).toBe(0xe3069283);
  });
});

describe("readEventFile", () => {
  it("finds what TensorBoard's own reader finds, and nothing else", () => {
    const { scalars, torn } = readEventFile(bytesOf(`tensorboard/${EVENTS}`));
    expect(torn).toBe(false);
    const expected = jsonOf("tensorboard/expected.json") as unknown[];
    expect(expected.length).toBeGreaterThan(20);
    const key = (one: unknown) => JSON.stringify(one);
    const found = scalars
      .filter(({ value }) => Number.isFinite(value))
      .map(({ tag, step, time, value }) => [tag, step, time, value]);
    expect(found.map(key).sort()).toEqual(expected.map(key).sort());
  });

  it("reads up to a torn last record, wherever the file is cut", () => {
    const file = bytesOf(`tensorboard/${EVENTS}`);
    const whole = readEventFile(file).scalars;
    let most = 0;
    for (let end = 0; end < file.length; end++) {
      const { scalars } = readEventFile(file.subarray(0, end));
      expect(scalars).toEqual(whole.slice(0, scalars.length));
      expect(scalars.length).toBeGreaterThanOrEqual(most);
      most = scalars.length;
    }
    expect(most).toBeGreaterThan(10);
  });

  it("says at which byte a record is damaged", () => {
    const file = bytesOf(`tensorboard/${EVENTS}`);
    file[file.length - 10]! ^= 1;
    expect(() => readEventFile(file)).toThrow(
      /record at byte \d+ is damaged: its data do not fit/,
    );
    expect(() => readEventFile(new Uint8Array(64).fill(7))).toThrow(
      "it does not begin as a TensorBoard event file does",
    );
  });
});

describe("metricsOfScalars", () => {
  it("takes the value that was logged last, without transformers' prefix", () => {
    const { scalars } = readEventFile(bytesOf(`tensorboard/${EVENTS}`));
    const lines = metricsOfScalars(scalars);
    expect(lines.map(({ step }) => step)).toEqual([0, 1, 2]);
    expect(lines.map(({ reward }) => reward)).toEqual([
      0,
      0.75,
      expect.closeTo(0.2, 6),
    ]);
    expect(lines[1]!.time).toBe(1_700_000_500);
    expect("nan" in lines[2]!).toBe(false);
  });

  it("gives verl's quantities the names of metrics.jsonl, and lets no tag take step or time", () => {
    const at = (tag: string, value: number) => ({
      ...{ tag, value },
      ...{ step: 3, time: 9 },
    });
    const lines = metricsOfScalars([
      at("actor/entropy", 0.5),
      at("critic/rewards/mean", 0.25),
      at("critic/score/max", 1),
      at("train/loss", 2),
      at("loss", 3),
      at("step", 77),
      at("__proto__", 5),
    ]);
    expect(JSON.stringify(lines)).toBe(
      '[{"step":3,"time":9,"entropy":0.5,"reward":0.25,"critic/score/max":1,"train/loss":2,"loss":3,"tensorboard/step":77,"__proto__":5}]',
    );
  });
});

describe("readTrainerState", () => {
  const json = jsonOf("trl/checkpoint-4/trainer_state.json");
  const noTimes = new Map<number, number>();

  it("keeps TRL's names and numbers, a line a step", () => {
    const { metrics, step, steps } = readTrainerState(json, 1000, noTimes);
    const { log_history } = json as { log_history: Record<string, number>[] };
    expect([step, steps]).toEqual([4, 4]);
    expect(metrics).toHaveLength(4);
    metrics.forEach((line, i) =>
      expect(line).toEqual({
        ...log_history[i],
        time: expect.any(Number) as number,
      }),
    );
  });

  it("agrees with the event file that the same run wrote, and takes its times", () => {
    const events = metricsOfScalars(
      readEventFile(bytesOf(`trl/runs/${EVENTS}`)).scalars,
    );
    const times = new Map(events.map(({ step, time }) => [step, time]));
    const { metrics, timedBy } = readTrainerState(json, 1000, times);
    expect(timedBy).toBe("events");
    metrics.forEach((line, i) => {
      expect(line.time).toBe(events[i]!.time);
      for (const [name, value] of Object.entries(line))
        expect(events[i]![name], name).toBeCloseTo(value as number, 5);
    });
  });

  it("counts times back by step_time, and says so", () => {
    const log_history = [1, 2, 5].map((step) => ({ step, step_time: 10 }));
    const { metrics, timedBy } = readTrainerState(
      { log_history, max_steps: 8, global_step: 5 },
      1000,
      noTimes,
    );
    expect(timedBy).toBe("step_time");
    expect(metrics.map(({ time }) => time)).toEqual([960, 970, 1000]);
  });

  it("says what is no such file", () => {
    expect(() => readTrainerState({ steps: [] }, 0, noTimes)).toThrow(
      /no list log_history/,
    );
  });
});

describe("readRolloutDump", () => {
  it("reads verl's, and computes advantages within rollouts of one prompt", () => {
    const dump = readRolloutDump(linesOf("verl/1.jsonl"), 1)!;
    expect(dump.of).toBe("verl");
    expect(dump.advantages).toEqual({ recorded: 0, computed: 6, unknown: 1 });
    const lines = dump.steps.get(1)!;
    expect(lines.map(({ group }) => group)).toEqual([0, 0, 0, 1, 1, 1, 2]);
    for (const group of [0, 1]) {
      const own = lines.filter((line) => line.group === group);
      expect(own.reduce((sum, one) => sum + one.advantage, 0)).toBeCloseTo(0);
      const [best] = [...own].sort((a, b) => b.reward - a.reward);
      // One of three is right: rewards 1, -1, -1, deviation 2 / sqrt 3.
      expect(best!.advantage).toBeCloseTo(4 / 3 / (2 / Math.sqrt(3) + 1e-4));
    }
    expect(lines[6]!.advantage).toBe(0);
    const said = rolloutNotes([dump]).join(" ");
    expect(said).toMatch(/computed here: those of 6 of 7 rollouts/);
    expect(said).toMatch(/given as 0: those of 1 of 7/);
  });

  it("reads TRL's from JSON Lines and CSV alike, with its own advantages", () => {
    const csv = readCsv(
      new TextDecoder().decode(
        bytesOf("trl/completions/completions_00002.csv"),
      ),
    );
    for (const [rows, step] of [
      [linesOf("trl/completions/completions_00001.jsonl"), 1],
      [csv, 2],
    ] as const) {
      const dump = readRolloutDump(rows, 99)!;
      expect(dump.of).toBe("trl");
      expect([...dump.steps.keys()]).toEqual([step]);
      expect(dump.advantages.recorded).toBe(8);
      expect(dump.summed).toEqual(["vowel_reward", "length_reward"]);
      const lines = dump.steps.get(step)!;
      expect(lines.map(({ group }) => group).sort()).toEqual([
        0, 0, 0, 0, 1, 1, 1, 1,
      ]);
      // TRL's own formula over the summed rewards: they are what its advantages were made of.
      for (const group of [0, 1]) {
        const own = lines.filter((line) => line.group === group);
        const mean = own.reduce((sum, one) => sum + one.reward, 0) / 4;
        const squares = own.map(({ reward }) => (reward - mean) ** 2);
        const std = Math.sqrt(squares.reduce((a, b) => a + b) / 3);
        for (const { reward, advantage } of own)
          expect(advantage).toBeCloseTo((reward - mean) / (std + 1e-4), 3);
      }
    }
  });

  it("leaves out rows without a reward, and says how many", () => {
    const rows = [
      { prompt: "p", completion: "c", reward: null },
      {
        prompt: "p",
        completion: [{ role: "assistant", content: "d" }],
        reward: 1,
      },
      { prompt: 7, completion: "c", reward: 1 },
      "no row",
    ];
    const dump = readRolloutDump(rows, 4)!;
    expect(dump.skipped).toBe(3);
    expect(dump.steps.get(4)!.map(({ completion }) => completion)).toEqual([
      "d",
    ]);
    expect(readRolloutDump([{ text: "x" }], 1)).toBeUndefined();
  });
});

describe("readCsv", () => {
  it("reads quotes, line breaks within them, and every line end", () => {
    expect(readCsv('\uFEFFa,b\r\n"x, ""y""\nz",1\n,\n"",2')).toEqual([
      { a: 'x, "y"\nz', b: "1" },
      { a: "", b: "" },
      { a: "", b: "2" },
    ]);
    expect(() => readCsv('a\n"x')).toThrow(
      /opens at character 3 is not closed/,
    );
  });
});
