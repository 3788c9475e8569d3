import { describe, expect, it } from "vitest";
import {
  chartsFor,
  formatted,
  type NumberFormat,
  tickText,
} from "../../../core/panels/dashboardCharts";
import { csvRow } from "../../../core/run/csv";
import type { MetricsLine } from "../../../core/run/folder";
import {
  COLUMN_LIMIT,
  columnOf,
  parseMetricsLine,
  toColumns,
} from "../../../core/run/metricsColumns";
import {
  bytesOfSteps,
  firstWholeLine,
  isRare,
  mergeRows,
  type Row,
  samplingPlan,
  thinned,
  wholeLines,
} from "../../../core/run/sampling";
import { settingsDiff } from "../../../core/run/settingsDiff";
import { smoothed } from "../../../core/run/smoothing";

const line = (step: number, more: object = {}): MetricsLine => ({
  step,
  time: step,
  ...more,
});

describe("columns", () => {
  it("hold numbers by name, arrays by element, and NaN where a line has none", () => {
    const columns = toColumns([
      line(1, { reward: 0.5, "entropy/percentiles": [0, 1] }),
      line(2, { loss: null, reward: 0.6, note: "text" }),
    ]);
    expect(columns.rows).toBe(2);
    expect([...columnOf(columns, "reward")!]).toEqual([0.5, 0.6]);
    expect([...columnOf(columns, "entropy/percentiles[1]")!]).toEqual([1, NaN]);
    expect(columnOf(columns, "loss")).toBeUndefined();
    expect(columnOf(columns, "note")).toBeUndefined();
  });

  it("are in order of steps, and of one step the later line counts", () => {
    const columns = toColumns([
      line(2, { reward: 2 }),
      line(1, { reward: 1 }),
      line(2, { reward: 3 }),
    ]);
    expect([...columnOf(columns, "step")!]).toEqual([1, 2]);
    expect([...columnOf(columns, "reward")!]).toEqual([1, 3]);
  });

  it("do not grow without bound, and names of objects' own are names like others", () => {
    const many = Object.fromEntries(
      Array.from({ length: 2000 }, (_, i) => [`m${i}`, i]),
    );
    expect(toColumns([line(1, many)]).names.length).toBe(COLUMN_LIMIT);
    const odd = parseMetricsLine(
      '{"step":1,"time":1,"__proto__":3,"constructor":4}',
    )!;
    const columns = toColumns([odd]);
    expect(columnOf(columns, "__proto__")?.[0]).toBe(3);
    expect(columnOf(columns, "constructor")?.[0]).toBe(4);
    expect(toColumns([line(1, { a: Array(1000).fill(1) })]).names).toEqual([
      "step",
      "time",
    ]);
  });

  it.each([
    "",
    "null",
    "[]",
    "3",
    '{"time":1}',
    '{"step":"1"}',
    "{",
    '{"step":1e999}',
  ])("are not made of %j", (text) =>
    expect(parseMetricsLine(text)).toBeUndefined(),
  );
});

describe("sampling", () => {
  const bytes = Buffer.from("aa\nbbbb\n\nc\ndd");
  const row = (offset: number, step: number, more = {}): Row => ({
    offset,
    end: offset + 10,
    line: line(step, more),
  });

  it("spreads its looks evenly over the bytes, from the first on", () => {
    expect(samplingPlan({ start: 100, end: 200 }, 4)).toEqual([
      100, 125, 150, 175,
    ]);
    expect(samplingPlan({ start: 0, end: 3 }, 0)).toEqual([0]);
  });

  it("finds whole lines by their breaks", () => {
    const text = ({ start, end }: { start: number; end: number }) =>
      bytes.toString("utf8", start, end);
    expect([...wholeLines(bytes)].map(text)).toEqual(["aa\n", "bbbb\n", "c\n"]);
    expect(text(firstWholeLine(bytes, true)!)).toBe("aa\n");
    expect(text(firstWholeLine(bytes, false)!)).toBe("bbbb\n");
    expect(firstWholeLine(Buffer.from("torn"), true)).toBeUndefined();
    expect(firstWholeLine(Buffer.from("torn"), false)).toBeUndefined();
    expect(firstWholeLine(Buffer.from("end\ntorn"), false)).toBeUndefined();
  });

  it("merges readings without repeating a line", () => {
    const merged = mergeRows(
      [row(0, 1), row(20, 3)],
      [row(0, 1), row(10, 2), row(30, 4)],
    );
    expect(merged.map(({ line }) => line.step)).toEqual([1, 2, 3, 4]);
  });

  it("thins out what is ordinary, and keeps evaluations and the ends", () => {
    const rows = Array.from({ length: 9 }, (_, i) =>
      row(10 * i, i, i === 3 ? { "eval/validation/accuracy": 0.5 } : {}),
    );
    expect(thinned(rows).map(({ line }) => line.step)).toEqual([
      0, 2, 3, 4, 6, 8,
    ]);
    expect(isRare(row(0, 1, { "compare/overlap": 1 }))).toBe(true);
    expect(isRare(row(0, 1, { reward: 1 }))).toBe(false);
  });

  it("knows where the bytes of a range of steps lie", () => {
    const rows = [row(0, 0), row(100, 10), row(200, 20), row(300, 30)];
    expect(bytesOfSteps(rows, 12, 18, 400)).toEqual({ start: 100, end: 210 });
    expect(bytesOfSteps(rows, 25, 99, 400)).toEqual({ start: 200, end: 400 });
  });
});

describe("smoothing", () => {
  it("begins at the first value and has no bias there", () => {
    // TensorBoard's: s1 = x1; s2 = (w (1 - w) x1 + (1 - w) x2) / (1 - w^2)
    const [first, second] = smoothed([1, 2], [4, 1], 0.5);
    expect(first).toBeCloseTo(4, 12);
    expect(second).toBeCloseTo((0.25 * 4 + 0.5 * 1) / 0.75, 12);
  });

  it("leaves a constant and, with weight 0, everything as it is", () => {
    for (const value of smoothed([1, 2, 3, 50], [7, 7, 7, 7], 0.97))
      expect(value).toBeCloseTo(7, 12);
    expect([...smoothed([1, 2, 3], [3, 1, 2], 0)]).toEqual([3, 1, 2]);
  });

  it("counts a gap of several steps as that many", () => {
    const every = smoothed([1, 2, 3, 4, 5], [0, 1, 1, 1, 1], 0.8);
    const sampled = smoothed([1, 5], [0, 1], 0.8);
    expect(sampled.at(-1)).toBeCloseTo(every.at(-1)!, 12);
  });
});

describe("the comparison of settings", () => {
  it("names what differs by its dotted path", () => {
    const base = { seed: 1, mask: { kind: "top", rho: 0.2 }, targets: ["a"] };
    const other = { seed: 1, mask: { kind: "all" }, targets: ["a", "b"] };
    expect(settingsDiff([base, other])).toEqual([
      { name: "mask.kind", values: ["top", "all"] },
      { name: "mask.rho", values: ["0.2", null] },
      { name: "targets", values: ['["a"]', '["a","b"]'] },
    ]);
    expect(settingsDiff([base, base])).toEqual([]);
    expect(settingsDiff([base])).toEqual([]);
  });

  it("is not led into the deep or the endless", () => {
    let deep: Record<string, unknown> = { end: 1 };
    for (let i = 0; i < 100; i++) deep = { x: deep };
    expect(settingsDiff([deep, { x: 1 }]).length).toBe(2);
  });
});

describe("CSV", () => {
  it("quotes what needs it, and writes numbers with all digits", () => {
    expect(csvRow(["a", 'b"c', "d,e", 0.1, NaN, null])).toBe(
      'a,"b""c","d,e",0.1,,\r\n',
    );
  });

  it("makes no formula of a name", () => {
    expect(csvRow(["=1+1", "@x", "-2"])).toBe("'=1+1,'@x,'-2\r\n");
  });
});

describe("the charts", () => {
  it("are those for which there are numbers; what has none of its own is listed behind", () => {
    const { known, other } = chartsFor([
      ...["step", "time", "reward", "entropy", "entropy/percentiles[3]"],
      ...["eval/b/accuracy", "eval/a/accuracy", "train/<b>loss</b>"],
    ]);
    expect(known.map(({ id }) => id)).toEqual([
      "reward",
      "accuracy",
      "entropy",
      "percentiles",
    ]);
    expect(known[1]!.series.map(({ label }) => label)).toEqual(["a", "b"]);
    expect(other.map(({ title }) => title)).toEqual(["train/<b>loss</b>"]);
  });

  it("write numbers shortly", () => {
    expect(formatted(0.23456789, "plain")).toBe("0.2346");
    expect(formatted(0.0000012, "plain")).toBe("1.20e-6");
    expect(formatted(0.215, "share")).toBe("21.5 %");
    expect(formatted(NaN, "count")).toBe("\u2013");
  });
});

describe("ticks", () => {
  const texts = (format: NumberFormat, ...ticks: number[]) =>
    ticks.map((one, i) => tickText(one, format, ticks[i + 1] ?? ticks[i - 1]));

  it("differ where their numbers do", () => {
    expect(texts("count", 95, 95.2, 95.4, 95.6)).toEqual([
      ...["95", "95.2", "95.4", "95.6"],
    ]);
    expect(texts("share", 0.998, 0.9985, 0.999)).toEqual([
      ...["99.8 %", "99.85 %", "99.9 %"],
    ]);
    expect(texts("plain", 10_000, 10_002)).toEqual(["10k", "10.002k"]);
    expect(texts("plain", 1.2e-4, 1.25e-4)).toEqual(["1.2e-4", "1.25e-4"]);
  });

  it("are short", () => {
    expect(texts("count", 0, 500, 1000)).toEqual(["0", "500", "1000"]);
    expect(texts("share", 0, 0.1 + 0.2)).toEqual(["0 %", "30 %"]);
    expect(texts("plain", 0, 2e6)).toEqual(["0", "2M"]);
    expect(texts("plain", 1e-6, 1e-5)).toEqual(["1e-6", "1e-5"]);
    expect(tickText(0.5, "plain")).toBe("0.5");
  });
});
