import type { ScoredTrace } from "../../core/annotation/scoredTrace";

/**
 * The part of a trace from an offset on: its tokens that start there or behind. Offsets count from `from` then.
 * @param from UTF-16 offset in the trace's text
 */
export function clipTrace(trace: ScoredTrace, from: number): ScoredTrace {
  if (from === 0) return trace;
  let first = 0;
  while (first < trace.start.length && trace.start[first]! < from) first++;
  const { topK } = trace;
  return {
    ...trace,
    textLength: trace.textLength - from,
    ids: trace.ids.slice(first),
    start: trace.start.slice(first).map((offset) => offset - from),
    end: trace.end.slice(first).map((offset) => offset - from),
    entropy: trace.entropy.slice(first),
    logprob: trace.logprob.slice(first),
    rank: trace.rank.slice(first),
    topIds: trace.topIds.slice(first * topK),
    topLogprobs: trace.topLogprobs.slice(first * topK),
  };
}
