import type { ScoredTrace } from "../../../core/annotation/scoredTrace";

/** A scored trace of words laid end to end: each piece is [text, entropy]; an empty text continues the character before. */
export function scoredOf(
  tokens: readonly (readonly [string, number])[],
): ScoredTrace & { readonly text: string } {
  const n = tokens.length;
  const start = new Uint32Array(n);
  const end = new Uint32Array(n);
  const entropy = new Float32Array(n);
  const ids = new Int32Array(n);
  const known = new Map<string, number>();
  let text = "";
  tokens.forEach(([piece, nats], i) => {
    start[i] = text.length;
    text += piece;
    end[i] = text.length;
    entropy[i] = nats;
    if (!known.has(piece)) known.set(piece, known.size);
    ids[i] = known.get(piece)!;
  });
  return {
    text,
    model: {
      name: "fixture",
      path: "fixture.gguf",
      architecture: "qwen3",
      quantization: "F32",
      vocabularySize: known.size,
      parameters: 0,
      sizeBytes: 0,
      fingerprint: "",
    },
    settings: { temperature: 1, topK: 0, precision: "exact", contextSize: 0 },
    textLength: text.length,
    ids,
    start,
    end,
    entropy,
    logprob: entropy.map((nats) => -nats),
    rank: new Uint32Array(n).fill(1),
    topK: 0,
    topIds: new Int32Array(0),
    topLogprobs: new Float32Array(0),
    pieces: new Map([...known].map(([piece, id]) => [id, piece])),
  };
}
