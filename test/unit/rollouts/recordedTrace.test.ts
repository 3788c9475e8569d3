import { describe, expect, it } from "vitest";
import { cutTrace } from "../../../core/annotation/cut";
import type { TokenPieces } from "../../../core/engine/protocol";
import {
  type RolloutWithTokens,
  recordedTrace,
} from "../../../core/rollouts/recordedTrace";
import { LiveTrace } from "../../../extension/inspect/liveTrace";

const MODEL: TokenPieces["model"] = {
  name: "Tiny",
  path: "/models/tiny.gguf",
  architecture: "qwen3",
  quantization: "F32",
  vocabularySize: 100,
  parameters: 1,
  sizeBytes: 1,
  fingerprint: "1",
};
const RUN = { name: "run", temperature: 0.7 };
const bytes = (text: string) => new TextEncoder().encode(text);

/** A rollout of these tokens, ids from 0; kept where the text is in capitals. */
function rollout(
  completion: string,
  pieces: readonly (string | Uint8Array)[],
  kept: readonly number[] = [],
): { line: RolloutWithTokens; tokens: TokenPieces } {
  const line: RolloutWithTokens = {
    step: 3,
    group: 2,
    prompt: "?",
    completion,
    reward: 1,
    advantage: -0.5,
    clipped: false,
    tokens: {
      ids: pieces.map((_, i) => i),
      entropy: pieces.map((_, i) => i / 10),
      kept: pieces.map((_, i) => (kept.includes(i) ? 1 : 0)),
    },
  };
  const of = pieces.map(
    (piece, i) =>
      [i, typeof piece === "string" ? bytes(piece) : piece] as const,
  );
  return { line, tokens: { model: MODEL, pieces: new Map(of) } };
}

function recorded(...args: Parameters<typeof rollout>) {
  const { line, tokens } = rollout(...args);
  const result = recordedTrace(line, tokens, RUN);
  if (!result.ok) throw new Error(result.message);
  const { start, end } = result.trace;
  return {
    ...result,
    texts: Array.from(start, (at, i) => args[0].slice(at, end[i])),
  };
}

describe("a recorded rollout", () => {
  it("has the recorded columns over the completion, and the kept tokens as its forks", () => {
    const { trace, kept, texts } = recorded(
      "So 24.",
      ["So", " ", "24", "."],
      [0, 2],
    );
    expect(texts).toEqual(["So", " ", "24", "."]);
    expect([...trace.ids]).toEqual([0, 1, 2, 3]);
    expect([...trace.entropy]).toEqual([0, 0.1, 0.2, 0.3].map(Math.fround));
    expect(trace.settings.temperature).toBe(0.7);
    expect(trace.recorded).toEqual({
      run: "run",
      step: 3,
      group: 2,
      reward: 1,
      advantage: -0.5,
      withoutText: { tokens: 0, kept: 0 },
    });
    const live = LiveTrace.of(trace, 10, { kind: "mask", kept });
    expect([...live.cut.forks]).toEqual([0, 2]);
    expect(live.forks.map(({ start }) => start)).toEqual([0, 3]);
  });

  it("leaves out the end token, which stands for no text, and counts it", () => {
    const { trace, texts } = recorded("So", ["So", "<|im_end|>"], [1]);
    expect(texts).toEqual(["So"]);
    expect(trace.recorded?.withoutText).toEqual({ tokens: 1, kept: 1 });
  });

  it("leaves out special tokens that the decoding dropped in the middle", () => {
    const { texts } = recorded("So 24", ["So", "<|fim|>", " 24"]);
    expect(texts).toEqual(["So", " 24"]);
  });

  it("keeps tokens that share a character, and half a character at the end", () => {
    const [a, b, c, d] = bytes("🙂");
    const halves = [Uint8Array.of(a!, b!), Uint8Array.of(c!, d!)];
    expect(recorded("x🙂", ["x", ...halves]).texts).toEqual(["x", "🙂", ""]);
    const cut = recorded("x\ufffd", ["x", halves[0]!]);
    expect(cut.texts).toEqual(["x", "\ufffd"]);
  });

  it("holds carriage returns, markup and marks of direction as they are", () => {
    const text = "<b>\r\n\u202e</b>";
    const { trace, texts } = recorded(text, ["<b>", "\r\n", "\u202e", "</b>"]);
    expect(texts.join("")).toBe(text);
    expect(trace.textLength).toBe(text.length);
  });

  it("is refused where another tokenizer wrote it", () => {
    const other = rollout("So 24 it is.", ["We", " need", " 5", " now"]);
    expect(recordedTrace(other.line, other.tokens, RUN)).toMatchObject({
      ok: false,
      message: expect.stringMatching(
        /tokens of Tiny do not give .* Another tokenizer/,
      ) as unknown,
    });
    const longer = rollout("So 24 it is.", ["So", " 24"]);
    expect(recordedTrace(longer.line, longer.tokens, RUN).ok).toBe(false);
  });

  it("is refused where its ids are not in the vocabulary", () => {
    const { line, tokens } = rollout("So", ["So"]);
    const ids = [0, 151_643];
    const foreign = {
      ...line,
      tokens: { ids, entropy: [0, 0], kept: [0, 0] as (0 | 1)[] },
    };
    expect(recordedTrace(foreign, tokens, RUN)).toMatchObject({
      ok: false,
      message:
        "1 of the rollout's 2 tokens are not in the vocabulary of Tiny (id 151643 of 100): another tokenizer wrote them.",
    });
  });
});

describe("a cut by a mask", () => {
  const entropy = Float32Array.of(0.5, NaN, 2, 0.1);

  it("takes what was kept, whatever the entropies", () => {
    const cut = cutTrace(entropy, { kind: "mask", kept: [0, 1, 0, 1] });
    expect([...cut.forks]).toEqual([1, 3]);
    expect([...cut.isFork]).toEqual([0, 1, 0, 1]);
    expect(cut.threshold).toBeCloseTo(0.1);
    expect(cut.sorted.length).toBe(3);
  });

  it("has no threshold where nothing was kept, and wants the trace's length", () => {
    const none = { kind: "mask", kept: [0, 0, 0, 0] } as const;
    expect(cutTrace(entropy, none).threshold).toBeNaN();
    expect(() => cutTrace(entropy, { kind: "mask", kept: [1] })).toThrow(
      RangeError,
    );
  });
});
