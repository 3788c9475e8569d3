import { describe, expect, it } from "vitest";
import { traceDocument } from "../../../core/traces/document";
import { parseRecord, type TraceRecord } from "../../../core/traces/record";

function recordOf(json: unknown): TraceRecord {
  const parsed = parseRecord(json, { index: 2, line: 5, offset: 0 });
  if (parsed.kind === "error") throw new Error(parsed.message);
  return parsed.record;
}

describe("the trace document", () => {
  it("has a header, the prompt and the response, to be read as it stands", () => {
    const record = recordOf({
      messages: [
        { role: "system", content: "Be brief." },
        { role: "user", content: "2+2?\r\nQuick!" },
        { role: "assistant", content: "<think>\neasy\n</think>\n\n4" },
      ],
      reward: 1,
      step: 40,
      note: "two\nlines",
    });
    const document = traceDocument(record, "rollouts.jsonl");
    expect(document.text).toBe(
      [
        "Record 2 \u00b7 line 5 of rollouts.jsonl \u00b7 reward 1",
        "step: 40",
        "note: two\u23celines",
        "",
        `${"\u2500".repeat(12)} prompt ${"\u2500".repeat(12)}`,
        "[system]",
        "Be brief.",
        "[user]",
        "2+2?",
        "Quick!",
        "",
        `${"\u2500".repeat(12)} response ${"\u2500".repeat(12)}`,
        "<think>\neasy\n</think>\n\n4",
      ].join("\n"),
    );
    expect(document.text.slice(document.responseStart)).toBe(record.response);
    expect(document.sourceLine).toBe(5);
  });

  it("maps every offset of the response, carriage returns and all", () => {
    const response = "a\r\nb\rc\n\u{1f600}\ud800 \u2028d";
    const { text, responseStart } = traceDocument(
      recordOf({ prompt: "p\rq", completion: response }),
      "x",
    );
    expect(text).not.toContain("\r");
    expect(text).toContain("\u240d stands for a carriage return");
    const shown = text.slice(responseStart);
    expect(shown).toHaveLength(response.length);
    for (let i = 0; i < response.length; i++)
      expect(shown[i]).toBe(response[i] === "\r" ? "\u240d" : response[i]);
  });

  it("keeps a long line whole and says how long it is", () => {
    const response = `short\n${"x".repeat(25_000)}`;
    const document = traceDocument(recordOf({ response }), "x");
    expect(document.text.endsWith(response)).toBe(true);
    expect(document.longestLine).toBe(25_000);
  });

  it("shortens long metadata, never within a surrogate pair", () => {
    const document = traceDocument(
      recordOf({ response: "x", a: "\u{1f600}".repeat(300) }),
      "x",
    );
    const line = document.text.split("\n")[1]!;
    expect(line.length).toBeLessThan(170);
    expect(line).toMatch(/^a: (\u{1f600})+\u2026$/u);
  });
});
