import type { ScoredTrace } from "../../../core/annotation/scoredTrace";

/** What a test says of one token; its text is its place in the whole. */
export interface TokenSpec {
  readonly text: string;
  readonly entropy?: number;
  readonly logprob?: number;
  readonly rank?: number;
  /** Most probable first: text and probability. */
  readonly top?: readonly (readonly [string, number])[];
}

/** A trace made of given tokens, end to end. Ids count from 1 in the order in which the texts first appear. */
export function traceOf(
  tokens: readonly TokenSpec[],
  vocabularySize = 1000,
): ScoredTrace {
  const idOf = new Map<string, number>();
  const id = (text: string) => {
    if (!idOf.has(text)) idOf.set(text, idOf.size + 1);
    return idOf.get(text)!;
  };
  const topK = Math.max(1, ...tokens.map(({ top }) => top?.length ?? 0));
  const n = tokens.length;
  const trace = {
    ids: new Int32Array(n),
    start: new Uint32Array(n),
    end: new Uint32Array(n),
    entropy: new Float32Array(n).fill(NaN),
    logprob: new Float32Array(n).fill(NaN),
    rank: new Uint32Array(n),
    topIds: new Int32Array(n * topK).fill(-1),
    topLogprobs: new Float32Array(n * topK).fill(NaN),
  };
  let at = 0;
  tokens.forEach((token, i) => {
    trace.ids[i] = id(token.text);
    trace.start[i] = at;
    at += token.text.length;
    trace.end[i] = at;
    trace.entropy[i] = token.entropy ?? NaN;
    trace.logprob[i] = token.logprob ?? NaN;
    trace.rank[i] = token.rank ?? 0;
    token.top?.forEach(([text, probability], k) => {
      trace.topIds[i * topK + k] = id(text);
      trace.topLogprobs[i * topK + k] = Math.log(probability);
    });
  });
  return {
    ...trace,
    topK,
    textLength: at,
    model: {
      name: "Test model",
      path: "/models/test.gguf",
      architecture: "qwen3",
      quantization: "F32",
      vocabularySize,
      parameters: 1_000_000,
      sizeBytes: 4_000_000,
      fingerprint: "test",
    },
    settings: {
      temperature: 1,
      topK,
      precision: "fast",
      contextSize: 4096,
    },
    pieces: new Map([...idOf].map(([text, number]) => [number, text])),
  };
}

/** A trace over a text, a token a word or a run of anything else, with entropies from a small generator. */
export function traceOfText(text: string, seed = 1): ScoredTrace {
  const random = generator(seed);
  const words = text.match(/ ?\w+|\s+|[^\w\s]/g) ?? [];
  return traceOf(
    words.map((word) => ({ text: word, entropy: 4 * random() ** 3 })),
  );
}

/** Numbers from 0 to 1, the same for the same seed (xorshift). */
export function generator(seed: number): () => number {
  let state = seed * 2654435761 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
