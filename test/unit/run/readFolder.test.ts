import { describe, expect, it } from "vitest";
import { isAlive, type RunStatus, stepOfName } from "../../../core/run/folder";
import {
  readMetrics,
  readRollouts,
  readStatus,
} from "../../../core/run/readFolder";
import { parseRecord } from "../../../core/traces/record";

const LINE = { step: 1, time: 2, loss: 0.5, "eval/test/accuracy": 0.25 };
const ROLLOUT = {
  step: 1,
  group: 0,
  prompt: [{ role: "user", content: "Make 3 from 1 and 2" }],
  completion: "1 + 2",
  reward: 1,
  advantage: 0.5,
  clipped: false,
  tokens: { ids: [5, 6], entropy: [0.1, 0.2], kept: [0, 1] },
};

describe("readMetrics", () => {
  it("sets a torn last line aside and names bad ones", () => {
    const text = `${JSON.stringify(LINE)}\n{"step":\nnull\n\n${JSON.stringify({ ...LINE, step: 2 })}\n{"step": 3, "ti`;
    const read = readMetrics(text, 10);
    expect(read.lines.map((line) => line.step)).toEqual([1, 2]);
    expect(read.lines[0]!["eval/test/accuracy"]).toBe(0.25);
    expect(read.bad.map(({ line }) => line)).toEqual([11, 12]);
    expect(read.torn).toBe('{"step": 3, "ti');
  });

  it("survives every cut of a file", () => {
    const text = `${JSON.stringify(LINE)}\n${JSON.stringify({ ...LINE, step: 2 })}\n`;
    for (let end = 0; end <= text.length; end++) {
      const read = readMetrics(text.slice(0, end));
      expect(read.bad).toEqual([]);
      expect(read.lines.length).toBe(text.slice(0, end).split("\n").length - 1);
    }
  });
});

describe("readRollouts", () => {
  it("refuses columns that differ in length", () => {
    const torn = { ...ROLLOUT, tokens: { ...ROLLOUT.tokens, kept: [1] } };
    const read = readRollouts(
      `${JSON.stringify(ROLLOUT)}\n${JSON.stringify(torn)}\n`,
    );
    expect(read.lines).toEqual([ROLLOUT]);
    expect(read.bad[0]!.message).toMatch(/tokens: its columns differ/);
  });

  it("takes a rollout of which no tokens were recorded", () => {
    const bare: Record<string, unknown> = { ...ROLLOUT };
    delete bare["tokens"];
    const read = readRollouts(`${JSON.stringify(bare)}\n`);
    expect(read).toEqual({ lines: [bare], bad: [], torn: "" });
  });

  it("has lines that open as traces, prompt and reward in place", () => {
    const parsed = parseRecord(ROLLOUT, { index: 0, line: 1, offset: 0 });
    expect(parsed.kind).toBe("record");
    if (parsed.kind !== "record") return;
    expect(parsed.record.response).toBe("1 + 2");
    expect(parsed.record.reward).toBe(1);
    expect(parsed.record.conditioning.kind).toBe("messages");
  });
});

describe("readStatus", () => {
  const status: RunStatus = {
    state: "running",
    step: 1,
    steps: 2,
    heartbeat: "2026-01-01T00:00:00Z",
    eta: null,
    message: "",
  };

  it("says what is wrong", () => {
    expect(readStatus(JSON.stringify(status))).toEqual({
      ok: true,
      value: status,
    });
    expect(readStatus("{")).toMatchObject({ ok: false });
    const odd = readStatus(JSON.stringify({ ...status, state: "odd" }));
    expect(odd).toMatchObject({ ok: false });
    if (!odd.ok) expect(odd.message).toMatch(/^state: /);
  });

  it("tells a living trainer from one that is gone", () => {
    const then = Date.parse(status.heartbeat);
    expect(isAlive(status, then + 5000)).toBe(true);
    expect(isAlive(status, then + 120_000)).toBe(false);
    expect(isAlive({ ...status, state: "done" }, then)).toBe(false);
  });
});

describe("stepOfName", () => {
  it("reads only the names that a trainer writes", () => {
    expect(stepOfName("step-12")).toBe(12);
    expect(stepOfName("step-12.jsonl")).toBe(12);
    expect(stepOfName(".step-12-new")).toBeUndefined();
    expect(stepOfName("step-12.json")).toBeUndefined();
  });
});
