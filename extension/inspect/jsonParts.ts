import { tokenJson } from "../../core/annotation/annotationJson";
import type { Cut } from "../../core/annotation/cut";
import type { ScoredTrace } from "../../core/annotation/scoredTrace";
import { summarize } from "../../core/annotation/statistics";

/** Tokens written between two breaths. */
const TOKENS_A_PART = 500;

/**
 * The annotation as JSON text (core/annotation/annotationJson, one token a line), in parts that each take a few
 * milliseconds: a trace of 100,000 tokens would otherwise keep the extension host busy for seconds.
 */
export function* jsonParts(trace: ScoredTrace, cut: Cut): Generator<string> {
  const { model, settings, ids } = trace;
  yield `{"model": ${JSON.stringify(model)},\n"settings": ${JSON.stringify(settings)},\n"tokens": [`;
  for (let from = 0; from < ids.length; from += TOKENS_A_PART) {
    const to = Math.min(ids.length, from + TOKENS_A_PART);
    const lines: string[] = [];
    for (let i = from; i < to; i++)
      lines.push(JSON.stringify(tokenJson(trace, i)));
    yield `${from === 0 ? "\n" : ",\n"}${lines.join(",\n")}`;
  }
  yield `\n],\n"summary": ${JSON.stringify(summarize(trace, cut))}}\n`;
}
