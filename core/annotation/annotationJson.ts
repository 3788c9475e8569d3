import type { Cut } from "./cut";
import type { ModelIdentity, ScoreSettings, ScoredTrace } from "./scoredTrace";
import { summarize } from "./statistics";
import type { TraceSummary } from "./statistics";

/** An annotation as the CLI prints it and as "Copy Annotation as JSON" copies it. */
export interface AnnotationJson {
  readonly model: ModelIdentity;
  readonly settings: ScoreSettings;
  readonly tokens: readonly TokenJson[];
  readonly summary: TraceSummary;
}

export interface TokenJson {
  readonly id: number;
  /** The token's own text; bytes that are no whole character as `<0xF0>`. */
  readonly text: string;
  /** UTF-16 offset in the coloured text. */
  readonly start: number;
  /** UTF-16 offset just behind it. */
  readonly end: number;
  /** nats; null where there is no distribution. */
  readonly entropy: number | null;
  /** Natural logarithm of the token's probability; null where there is no distribution. */
  readonly logprob: number | null;
  /** 1 = the most probable; null where there is no distribution. */
  readonly rank: number | null;
  /** Most probable first; empty where there is no distribution. */
  readonly top: readonly {
    readonly id: number;
    readonly text: string;
    readonly logprob: number;
  }[];
}

/** A float32 carries no more. */
const SIGNIFICANT_DIGITS = 7;

/** Brings a scored trace into the shape of the CLI's JSON. Plain numbers, strings and null: `JSON.stringify` loses nothing. */
export function annotationJson(scored: ScoredTrace, cut: Cut): AnnotationJson {
  return {
    model: scored.model,
    settings: scored.settings,
    tokens: Array.from(scored.ids, (_, index) => tokenJson(scored, index)),
    summary: summarize(scored, cut),
  };
}

/**
 * One token of a scored trace, in the shape of the CLI's JSON.
 * @param index 0 to n - 1
 */
export function tokenJson(scored: ScoredTrace, index: number): TokenJson {
  const id = scored.ids[index] ?? -1;
  const rank = scored.rank[index] ?? 0;
  return {
    id,
    text: scored.pieces.get(id) ?? "",
    start: scored.start[index] ?? 0,
    end: scored.end[index] ?? 0,
    entropy: rounded(scored.entropy[index]),
    logprob: rounded(scored.logprob[index]),
    rank: rank === 0 ? null : rank,
    top: alternatives(scored, index),
  };
}

function alternatives(scored: ScoredTrace, index: number): TokenJson["top"] {
  const first = index * scored.topK;
  const found: { id: number; text: string; logprob: number }[] = [];
  for (let i = first; i < first + scored.topK; i++) {
    const id = scored.topIds[i] ?? -1;
    const logprob = rounded(scored.topLogprobs[i]);
    if (id >= 0 && logprob !== null) {
      found.push({ id, text: scored.pieces.get(id) ?? "", logprob });
    }
  }
  return found;
}

function rounded(value: number | undefined): number | null {
  return value !== undefined && Number.isFinite(value)
    ? Number(value.toPrecision(SIGNIFICANT_DIGITS))
    : null;
}
