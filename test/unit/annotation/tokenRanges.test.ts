import { describe, expect, it } from "vitest";
import { pieceText } from "../../../core/annotation/pieceText";
import { tokenRanges } from "../../../core/annotation/tokenRanges";

const encoder = new TextEncoder();

/** mulberry32: the same sequence on every machine. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const SAMPLES = [
  "a",
  " ",
  "\n",
  "é",
  "ß",
  "世",
  "界",
  "→",
  "😀",
  "👩‍🚀",
  "\u{10FFFF}",
  "\uD800",
  "\uDC00",
  "\uFFFD",
  "\uFEFF",
  "e\u0301",
];

function randomText(next: () => number): string {
  let text = "";
  const length = Math.floor(next() * 40);
  for (let i = 0; i < length; i++) {
    text += SAMPLES[Math.floor(next() * SAMPLES.length)] ?? "";
  }
  return text;
}

/** Cuts bytes at random places; some pieces are empty. */
function randomPieces(bytes: Uint8Array, next: () => number): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let at = 0;
  while (at < bytes.length) {
    const size = Math.floor(next() * 5);
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  return pieces;
}

function slices(text: string, pieces: readonly Uint8Array[]): string[] {
  const { start, end } = tokenRanges(text, pieces);
  return pieces.map((_, i) => text.slice(start[i], end[i]));
}

describe("tokenRanges", () => {
  it("covers random Unicode, cut at random bytes, once and never inside a surrogate pair", () => {
    const next = random(1);
    for (let round = 0; round < 3000; round++) {
      const text = randomText(next);
      const bytes = encoder.encode(text);
      const pieces = randomPieces(bytes, next);
      const { start, end } = tokenRanges(text, pieces);
      let offset = 0;
      let byte = 0;
      for (const [i, piece] of pieces.entries()) {
        expect(start[i]).toBe(offset);
        offset = end[i] ?? -1;
        // Independent of the walk under test: a token's characters are those whose first byte it holds.
        expect(offset - (start[i] ?? 0)).toBe(
          unitsThatBeginIn(text, byte, byte + piece.length),
        );
        byte += piece.length;
        const before = text.charCodeAt(offset - 1);
        const after = text.charCodeAt(offset);
        const splitsPair =
          before >= 0xd800 &&
          before < 0xdc00 &&
          after >= 0xdc00 &&
          after < 0xe000;
        expect(splitsPair).toBe(false);
      }
      if (pieces.length > 0) {
        expect(offset).toBe(text.length);
      }
    }
  });

  it("gives a split character to the token with its first byte, and the rest an empty range at its end", () => {
    const bytes = encoder.encode("x😀y");
    const pieces = [
      bytes.subarray(0, 3),
      bytes.subarray(3, 4),
      bytes.subarray(4, 6),
    ];
    const { start, end } = tokenRanges("x😀y", pieces);
    expect([...start]).toEqual([0, 3, 3]);
    expect([...end]).toEqual([3, 3, 4]);
  });

  it("leaves out the space that SentencePiece puts in front and behind special tokens", () => {
    const pieces = [" Hello", " world", "<s>", " again"].map((s) =>
      encoder.encode(s),
    );
    expect(slices("Hello world<s>again", pieces)).toEqual([
      "Hello",
      " world",
      "<s>",
      "again",
    ]);
  });

  it("gives dropped white space to the token behind it, and trailing white space to the last", () => {
    const pieces = ["<|end|>", "Hi"].map((s) => encoder.encode(s));
    expect(slices("<|end|>\n\n Hi \n", pieces)).toEqual([
      "<|end|>",
      "\n\n Hi \n",
    ]);
  });

  it("lets an unknown token cover what lies between its neighbours", () => {
    const pieces = ["ab", "<unk>", "cd"].map((s) => encoder.encode(s));
    expect(slices("ab世cd", pieces)).toEqual(["ab", "世", "cd"]);
  });

  it("has nothing to say of no tokens", () => {
    expect(tokenRanges("", []).start).toHaveLength(0);
  });
});

describe("pieceText", () => {
  it("writes whole characters, and stray bytes as hexadecimal", () => {
    const emoji = encoder.encode("😀");
    expect(pieceText(encoder.encode("é世\uFEFF😀"))).toBe("é世\uFEFF😀");
    expect(pieceText(emoji.subarray(0, 2))).toBe("<0xF0><0x9F>");
    expect(pieceText(Uint8Array.of(0x61, 0x80, 0x62))).toBe("a<0x80>b");
  });

  it("refuses surrogates and overlong forms as text", () => {
    expect(pieceText(Uint8Array.of(0xed, 0xa0, 0x80))).toBe(
      "<0xED><0xA0><0x80>",
    );
    expect(pieceText(Uint8Array.of(0xc0, 0xaf))).toBe("<0xC0><0xAF>");
  });
});

/** UTF-16 units of the characters whose UTF-8 begins in [from, to). */
function unitsThatBeginIn(text: string, from: number, to: number): number {
  let byte = 0;
  let units = 0;
  for (const character of text) {
    if (byte >= from && byte < to) {
      units += character.length;
    }
    byte += Buffer.byteLength(character, "utf8");
  }
  return units;
}
