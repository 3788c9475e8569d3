import {
  appendFileSync,
  mkdtempSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { allData } from "../../../extension/dashboard/allData";
import { MetricsFile } from "../../../extension/dashboard/metricsFile";
import { syntheticMetrics } from "../../bench/syntheticRuns";

const folder = mkdtempSync(join(tmpdir(), "forksight-metrics-"));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
function file(text: string): string {
  const path = join(folder, `${(files += 1)}.jsonl`);
  writeFileSync(path, text);
  return path;
}

const line = (step: number, reward = step) =>
  `${JSON.stringify({ step, time: step, reward })}\n`;
const lines = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => line(from + i)).join("");
const stepsOf = ({ rows }: MetricsFile) => rows.map((row) => row.line.step);

async function opened(path: string, points = 100): Promise<MetricsFile> {
  const metrics = new MetricsFile(path, points);
  await metrics.open();
  return metrics;
}

describe("a small file", () => {
  it("is read whole; bad lines are counted, and a torn one waits for its end", async () => {
    const path = file(`${line(1)}no json\n\n${line(2)}{"step":3,"ti`);
    const metrics = await opened(path);
    expect(stepsOf(metrics)).toEqual([1, 2]);
    expect(metrics).toMatchObject({ isComplete: true, bad: 1 });
    expect(await metrics.tail()).toEqual({ kind: "same" });
    appendFileSync(path, 'me":3}\n');
    expect(await metrics.tail()).toMatchObject({ kind: "grown" });
    expect(stepsOf(metrics)).toEqual([1, 2, 3]);
  });

  it("is followed line by line", async () => {
    const path = file(lines(1, 5));
    const metrics = await opened(path);
    for (let step = 6; step < 9; step++) {
      appendFileSync(path, line(step));
      const tail = await metrics.tail();
      expect(tail).toMatchObject({
        kind: "grown",
        rows: [{ line: { step } }],
      });
    }
    expect(stepsOf(metrics)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it("is read anew where it was cut back, even where it has grown again since", async () => {
    const path = file(lines(1, 50));
    const metrics = await opened(path);
    truncateSync(path, lines(1, 20).length);
    expect(await metrics.tail()).toEqual({ kind: "replaced" });
    expect(stepsOf(metrics).at(-1)).toBe(20);
    truncateSync(path, lines(1, 10).length);
    appendFileSync(path, line(11, 0.5).repeat(1));
    appendFileSync(path, lines(12, 40));
    expect(await metrics.tail()).toEqual({ kind: "replaced" });
    expect(stepsOf(metrics).length).toBe(40);
    expect(metrics.rows[10]!.line.reward).toBe(0.5);
  });

  it("is read anew where another one took its place", async () => {
    const path = file(lines(1, 5));
    const metrics = await opened(path);
    renameSync(file(lines(1, 9)), path);
    expect(await metrics.tail()).toEqual({ kind: "replaced" });
    expect(stepsOf(metrics).length).toBe(9);
  });

  it("may come later, and may go", async () => {
    const path = join(folder, "later.jsonl");
    const metrics = await opened(path);
    expect(stepsOf(metrics)).toEqual([]);
    expect(await metrics.tail()).toEqual({ kind: "same" });
    writeFileSync(path, lines(1, 2));
    await metrics.tail();
    expect(stepsOf(metrics)).toEqual([1, 2]);
    rmSync(path);
    expect(await metrics.tail()).toEqual({ kind: "replaced" });
    expect(stepsOf(metrics)).toEqual([]);
    expect(await metrics.tail()).toEqual({ kind: "same" });
  });
});

describe("a large file", () => {
  const STEPS = 3000;
  const text = syntheticMetrics(STEPS, 1);
  const evaluations = Array.from({ length: 31 }, (_, i) => 100 * i);

  it("gives a picture from a few of its lines, the first and the last among them", async () => {
    const metrics = await opened(file(text), 60);
    const steps = stepsOf(metrics);
    expect(metrics.isComplete).toBe(false);
    expect(steps[0]).toBe(0);
    expect(steps.at(-1)).toBe(STEPS);
    expect(steps.length).toBeGreaterThan(55);
    expect(steps.length).toBeLessThan(65);
    const gaps = steps.slice(1).map((step, i) => step - steps[i]!);
    expect(Math.max(...gaps)).toBeLessThan(2 * (STEPS / 60));
    expect(Math.min(...gaps)).toBeGreaterThan(0);
  });

  it("yields every evaluation once it was gone through", async () => {
    const metrics = await opened(file(text), 60);
    await metrics.survey(200);
    const evaluated = metrics.rows.filter(
      (row) => "eval/validation/accuracy" in row.line,
    );
    expect(evaluated.map((row) => row.line.step)).toEqual(evaluations);
    expect(metrics.rows.length).toBeGreaterThan(200);
    expect(metrics.rows.length).toBeLessThan(330);
    expect(metrics.bad).toBe(0);
  });

  it("shows every line of a range that is asked for", async () => {
    const metrics = await opened(file(text), 60);
    await metrics.detail(1000, 1100);
    const inside = stepsOf(metrics).filter(
      (step) => step >= 1000 && step <= 1100,
    );
    expect(inside).toEqual(Array.from({ length: 101 }, (_, i) => 1000 + i));
  });

  it("is followed too, and thinned out when it is watched for long", async () => {
    const path = file(text);
    const metrics = await opened(path, 60);
    appendFileSync(path, lines(STEPS + 1, STEPS + 400));
    expect(await metrics.tail()).toMatchObject({ kind: "grown" });
    expect(stepsOf(metrics).at(-1)).toBe(STEPS + 400);
    metrics.thin(200);
    expect(metrics.rows.length).toBeLessThanOrEqual(200);
    expect(stepsOf(metrics).at(-1)).toBe(STEPS + 400);
    expect(stepsOf(metrics)[0]).toBe(0);
  });

  it("without a single line break harms nothing", async () => {
    const metrics = await opened(file("x".repeat(5 << 20)), 60);
    await metrics.survey(100);
    expect(stepsOf(metrics)).toEqual([]);
  });
});

describe("all data", () => {
  it("are every line of the files, elements of arrays too", async () => {
    const runs = ["one", "=two"].map((name, i) => {
      const run = mkdtempSync(join(folder, "run-"));
      writeFileSync(
        join(run, "metrics.jsonl"),
        i === 0
          ? '{"step":1,"time":5,"reward":0.25}\nbad\n'
          : '{"step":1,"time":6,"loss":null,"p":[1,2]}\n',
      );
      return { folder: run, name };
    });
    let text = "";
    for await (const piece of allData(runs)) text += piece;
    expect(text).toBe(
      "run,step,time,reward,p[0],p[1]\r\none,1,5,0.25,,\r\n'=two,1,6,,1,2\r\n",
    );
  });
});
