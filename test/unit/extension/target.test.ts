import { describe, expect, it } from "vitest";
import { clipTrace } from "../../../extension/inspect/clipTrace";
import {
  cutOrDefault,
  formatCut,
  parseCut,
} from "../../../extension/inspect/cutSetting";
import {
  colouredPart,
  recordTarget,
  selectionTarget,
  wholeTarget,
} from "../../../extension/inspect/target";
import { traceOf } from "./tokenised";

describe("targets", () => {
  it("scores a whole document under nothing", () => {
    expect(wholeTarget("so be it")).toMatchObject({
      text: "so be it",
      conditioning: { kind: "none" },
      regionStart: 0,
    });
  });

  it("lets the text before a selection condition it", () => {
    expect(selectionTarget("Think. So be it", { start: 7, end: 9 })).toEqual({
      extent: "selection",
      text: "So",
      conditioning: { kind: "text", text: "Think. " },
      regionStart: 7,
      clip: 0,
    });
    expect(
      selectionTarget("So be it", { start: 0, end: 2 }).conditioning,
    ).toEqual({ kind: "none" });
  });

  const record = {
    response: "So wait, no",
    conditioning: { kind: "text", text: "Why?" } as const,
    responseStart: 100,
  };

  it("scores a record's response, and not its header", () => {
    expect(recordTarget(record)).toEqual({
      extent: "record",
      text: "So wait, no",
      conditioning: { kind: "text", text: "Why?" },
      regionStart: 100,
      clip: 0,
    });
  });

  it("scores a selection of a record under the prompt and the response before it", () => {
    const target = recordTarget(record, { start: 102, end: 108 })!;
    expect(target).toMatchObject({
      extent: "selection",
      text: "So wait,",
      regionStart: 102,
      clip: 2,
    });
    const scored = traceOf([
      { text: "So", entropy: 1 },
      { text: " wait", entropy: 2, top: [[" wait", 1]] },
      { text: ",", entropy: 3, top: [[",", 1]] },
    ]);
    const part = colouredPart(target, scored);
    expect([...part.entropy]).toEqual([2, 3]);
    expect([...part.start]).toEqual([0, 5]);
    expect([...part.end]).toEqual([5, 6]);
    expect(part.textLength).toBe(6);
    expect([...part.topIds]).toEqual([...part.ids]);
    expect(clipTrace(scored, 0)).toBe(scored);
  });

  it("clips a selection to the response, and refuses one that lies in the header", () => {
    expect(recordTarget(record, { start: 0, end: 102 })).toMatchObject({
      text: "So",
      regionStart: 100,
    });
    expect(recordTarget(record, { start: 0, end: 50 })).toBeUndefined();
  });
});

describe("the setting forksight.cut", () => {
  it.each([
    ["top 20%", { kind: "share", share: 0.2 }],
    ["  Top 7.5 % ", { kind: "share", share: 0.075 }],
    ["15%", { kind: "share", share: 0.15 }],
    ["top100%", { kind: "share", share: 1 }],
    ["0.672", { kind: "fixed", nats: 0.672 }],
    ["0", { kind: "fixed", nats: 0 }],
  ] as const)("reads %j", (text, rule) => {
    expect(parseCut(text)).toEqual(rule);
    expect(parseCut(formatCut(rule))).toEqual(rule);
  });

  it.each(["", "top 0%", "top 101%", "-1", "Infinity", "top x%"])(
    "takes the default for %j",
    (text) => {
      expect(parseCut(text)).toBeUndefined();
      expect(cutOrDefault(text)).toEqual({ kind: "share", share: 0.2 });
    },
  );
});
