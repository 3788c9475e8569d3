import { describe, expect, it } from "vitest";
import { LineIndex } from "../../../extension/inspect/lineIndex";

/** By splitting, as slow as it is plain. */
function position(text: string, offset: number) {
  const lines = text.slice(0, offset).split(/\r\n|\n|\r/);
  return { line: lines.length - 1, character: lines.at(-1)!.length };
}

describe("LineIndex", () => {
  const texts = [
    "",
    "one line",
    "a\nbb\n\nccc\n",
    "a\r\nbb\r\n\r\nccc",
    "mixed\rends\nof\r\nlines\r",
    "\n".repeat(100) + "end",
  ];
  it.each(texts)("finds every offset's place and back: %j", (text) => {
    const index = new LineIndex(text);
    for (let offset = 0; offset <= text.length; offset++) {
      // Between CR and LF there is no place of one's own.
      if (text[offset - 1] === "\r" && text[offset] === "\n") continue;
      expect(index.positionAt(offset)).toEqual(position(text, offset));
      expect(index.offsetAt(index.positionAt(offset))).toBe(offset);
    }
    expect(index.lineCount).toBe(text.split(/\r\n|\n|\r/).length);
  });

  it("clips what lies outside", () => {
    const index = new LineIndex("ab\ncd");
    expect(index.positionAt(-3)).toEqual({ line: 0, character: 0 });
    expect(index.positionAt(99)).toEqual({ line: 1, character: 2 });
    expect(index.offsetAt({ line: 7, character: 0 })).toBe(5);
    expect(index.lineStart(7)).toBe(5);
  });
});
