import { describe, expect, it } from "vitest";
import { annotationJson } from "../../../core/annotation/annotationJson";
import { cutTrace } from "../../../core/annotation/cut";
import type { ScoredTrace } from "../../../core/annotation/scoredTrace";
import { renderAnsi, visible } from "../../../native/cli/ansi";

const TEXT = "so\n😀\u001b[31mx";

/** Tokens "so", "\n", the two halves of the emoji, an escape sequence, "x". */
const scored: ScoredTrace = {
  model: {
    name: "M\u001b]0;evil\u0007",
    path: "/m.gguf",
    architecture: "qwen3",
    quantization: "F32",
    vocabularySize: 9,
    parameters: 1,
    sizeBytes: 1,
    fingerprint: "f",
  },
  settings: { temperature: 1, topK: 1, precision: "fast", contextSize: 512 },
  textLength: TEXT.length,
  ids: Int32Array.of(0, 1, 2, 3, 4, 5),
  start: Uint32Array.of(0, 2, 3, 5, 5, 10),
  end: Uint32Array.of(2, 3, 5, 5, 10, 11),
  entropy: Float32Array.of(NaN, 1.5, 0.001, 0.3, 0, 3),
  logprob: Float32Array.of(NaN, -1, -0.5, -0.25, -0.125, -2),
  rank: Uint32Array.of(0, 2, 1, 1, 1, 3),
  topK: 1,
  topIds: Int32Array.of(-1, 0, 2, 3, 4, 1),
  topLogprobs: Float32Array.of(NaN, -0.5, -0.5, -0.25, -0.125, -0.75),
  pieces: new Map([
    [0, "so"],
    [1, "\n"],
    [2, "<0xF0><0x9F>"],
    [3, "<0x98><0x80>"],
    [4, "\u001b[31m"],
    [5, "x"],
  ]),
};
const cut = cutTrace(scored.entropy, { kind: "share", share: 0.4 });

describe("renderAnsi", () => {
  it("colours by entropy, underlines forks, and sends no escape of the text's own", () => {
    const out = renderAnsi(TEXT, scored, cut, { colour: true });
    const [first = "", second = ""] = out.split("\n");
    // The line break is a fork: shown as a sign with colour and underline, then broken without.
    expect(first).toBe("so\u001b[38;5;16;48;5;215;1;4m⏎\u001b[0m");
    // The emoji takes the higher entropy of its two tokens; the escape sequence is bare and harmless; x is a fork.
    expect(second).toBe(
      "\u001b[38;5;16;48;5;228m😀\u001b[0m␛[31m\u001b[38;5;16;48;5;208;1;4mx\u001b[0m",
    );
    expect(out).toContain("6 tokens, 2 forks");
    expect(out).not.toContain("\u001b]");
    expect(out).not.toContain("\u0007");
  });

  it("does without any escape where no colour is wanted", () => {
    const out = renderAnsi(TEXT, scored, cut, { colour: false });
    expect(out.startsWith("so«\n»😀␛[31m«x»\n")).toBe(true);
    expect(out).not.toContain("\u001b");
  });
});

describe("visible", () => {
  it("leaves text alone and shows controls", () => {
    expect(visible("a\tb\n世😀")).toBe("a\tb\n世😀");
    expect(visible("\r\u0000\u007f\u009b\u202e")).toBe("␍␀␡<U+009B><U+202E>");
  });
});

describe("annotationJson", () => {
  it("is plain JSON, with null where there is no distribution", () => {
    const json = annotationJson(scored, cut);
    expect(JSON.parse(JSON.stringify(json))).toEqual(json);
    expect(json.tokens[0]).toEqual({
      id: 0,
      text: "so",
      start: 0,
      end: 2,
      entropy: null,
      logprob: null,
      rank: null,
      top: [],
    });
    expect(json.tokens[5]).toEqual({
      id: 5,
      text: "x",
      start: 10,
      end: 11,
      entropy: 3,
      logprob: -2,
      rank: 3,
      top: [{ id: 1, text: "\n", logprob: -0.75 }],
    });
    expect(json.tokens[3]?.entropy).toBe(0.3);
    expect(json.summary).toMatchObject({
      tokens: 6,
      scoredTokens: 5,
      cut: { forks: 2 },
    });
    expect(json.model.architecture).toBe("qwen3");
  });
});
