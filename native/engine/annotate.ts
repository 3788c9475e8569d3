import { pieceText } from "../../core/annotation/pieceText";
import type {
  ScoreSettings,
  ScoredTrace,
} from "../../core/annotation/scoredTrace";
import { tokenRanges } from "../../core/annotation/tokenRanges";
import {
  type UnixText,
  withoutCarriageReturns,
} from "../../core/annotation/unixText";
import type { AnnotateParams } from "../../core/engine/protocol";
import type { Model, Scores } from "../addon/binding";
import { asFailure } from "./addonFailure";
import { EngineFailure } from "./failure";
import type { LoadedModel } from "./loadedModel";
import { tokenizeTrace } from "./prompt";

/** UTF-16 units. A longer text would take hours; its ranges alone hundreds of megabytes. */
const LONGEST_TEXT = 32 << 20;
const MOST_ALTERNATIVES = 1000;

/** Refuses what cannot be scored, before anything is loaded for it. @throws EngineFailure badInput */
export function checkAnnotateParams(params: AnnotateParams): void {
  const refuse = (what: string): never => {
    throw new EngineFailure("badInput", what, "none");
  };
  const { temperature, topK, text, contextSize } = params;
  if (!(temperature > 0 && Number.isFinite(temperature))) {
    refuse(
      `The temperature must be a number above 0, not ${String(temperature)}.`,
    );
  }
  if (!(Number.isInteger(topK) && topK >= 0 && topK <= MOST_ALTERNATIVES)) {
    refuse(
      `The number of alternatives (top-k) must be a whole number from 0 to ${String(MOST_ALTERNATIVES)}, not ${String(topK)}.`,
    );
  }
  if (!(Number.isInteger(contextSize) && contextSize >= 0)) {
    refuse(
      `The context size must be a whole number of tokens, or 0, not ${String(contextSize)}.`,
    );
  }
  if (text.length > LONGEST_TEXT) {
    refuse(
      `The text has ${String(text.length)} characters, and ${String(LONGEST_TEXT)} is the most that is scored at once. Annotate a selection.`,
    );
  }
}

export interface AnnotateOptions {
  readonly threads: number;
  readonly signal: AbortSignal;
  readonly onProgress: (done: number, total: number) => void;
}

/**
 * Scores a text under a loaded model.
 * @throws EngineFailure; an Error named AbortError where `signal` aborted
 */
export async function annotate(
  loaded: LoadedModel,
  params: AnnotateParams,
  { threads, signal, onProgress }: AnnotateOptions,
): Promise<ScoredTrace> {
  const { model } = loaded;
  const lines = withoutCarriageReturns(params.text);
  const { ids, from } = tokenizeTrace(model, params.conditioning, lines.text);
  const topK = Math.min(params.topK, model.vocabularySize);
  if (from === ids.length) {
    // Nothing to colour: no context is needed for that.
    const settings = settingsOf(params, topK, params.contextSize);
    return assemble(loaded, settings, lines, ids.subarray(from), empty());
  }
  const scorer = loaded.scorerFor({
    precision: params.precision,
    adapterPath: params.adapterPath,
    needed: ids.length,
    contextSize: params.contextSize,
    threads,
  });
  const scores = await scorer
    .score(
      ids,
      { temperature: params.temperature, topK, from },
      onProgress,
      signal,
    )
    .catch((error: unknown) => {
      throw asFailure(error);
    });
  return assemble(
    loaded,
    settingsOf(params, topK, scorer.contextSize),
    lines,
    ids.slice(from),
    scores,
  );
}

function settingsOf(
  params: AnnotateParams,
  topK: number,
  contextSize: number,
): ScoreSettings {
  const { temperature, precision, adapterPath } = params;
  return {
    temperature,
    topK,
    precision,
    contextSize,
    ...(adapterPath !== undefined && { adapterPath }),
  };
}

function empty(): Omit<Scores, "decoded"> {
  return {
    entropy: new Float32Array(0),
    logprob: new Float32Array(0),
    rank: new Uint32Array(0),
    topIds: new Int32Array(0),
    topLogprobs: new Float32Array(0),
  };
}

function assemble(
  loaded: LoadedModel,
  settings: ScoreSettings,
  lines: UnixText,
  ids: Int32Array,
  scores: Omit<Scores, "decoded">,
): ScoredTrace {
  const bytes = pieceBytes(loaded.model, ids, scores.topIds);
  const nothing = new Uint8Array(0);
  const { start, end } = lines.original(
    tokenRanges(
      lines.text,
      Array.from(ids, (id) => bytes.get(id) ?? nothing),
    ),
  );
  const pieces = new Map<number, string>();
  for (const [id, piece] of bytes) {
    pieces.set(id, pieceText(piece));
  }
  return {
    model: loaded.identity,
    settings,
    textLength: lines.originalLength,
    ids,
    start,
    end,
    entropy: scores.entropy,
    logprob: scores.logprob,
    rank: scores.rank,
    topK: settings.topK,
    topIds: scores.topIds,
    topLogprobs: scores.topLogprobs,
    pieces,
  };
}

/** The bytes of every id that occurs, asked for once each. */
function pieceBytes(
  model: Model,
  ...columns: readonly Int32Array[]
): Map<number, Uint8Array> {
  const unique = new Set<number>();
  for (const column of columns) {
    for (const id of column) {
      if (id >= 0) {
        unique.add(id);
      }
    }
  }
  const wanted = Int32Array.from(unique);
  const pieces = model.pieces(wanted);
  return new Map(
    Array.from(wanted, (id, index) => [id, pieces[index] ?? new Uint8Array(0)]),
  );
}
