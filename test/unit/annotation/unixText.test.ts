import { describe, expect, it } from "vitest";
import { withoutCarriageReturns } from "../../../core/annotation/unixText";

describe("a text without carriage returns", () => {
  it("leads ranges back: a line feed's covers the carriage return in front of it", () => {
    const crlf = "ab\r\nc\r\n\r\nd";
    const lines = withoutCarriageReturns(crlf);
    expect(lines.text).toBe("ab\nc\n\nd");
    expect(lines.originalLength).toBe(crlf.length);
    const starts = [...lines.text].map((_, i) => i);
    const { start, end } = lines.original({
      start: Uint32Array.from(starts),
      end: Uint32Array.from(starts, (i) => i + 1),
    });
    expect(starts.map((i) => crlf.slice(start[i], end[i]))).toEqual([
      "a",
      "b",
      "\r\n",
      "c",
      "\r\n",
      "\r\n",
      "d",
    ]);
    // Each character once, in order: no gap, no overlap.
    expect([...start]).toEqual([0, ...end.slice(0, -1)]);
    expect(end.at(-1)).toBe(crlf.length);
  });

  it("leaves a lone carriage return, and a text without any, as they are", () => {
    const lone = withoutCarriageReturns("a\rb\r\r\nc");
    expect(lone.text).toBe("a\rb\r\nc");
    const { start } = lone.original({
      start: Uint32Array.of(0, 1, 2, 3, 4, 5),
      end: Uint32Array.of(1, 2, 3, 4, 5, 6),
    });
    expect([...start]).toEqual([0, 1, 2, 3, 4, 6]);
    expect(withoutCarriageReturns("a\nb").text).toBe("a\nb");
  });
});
