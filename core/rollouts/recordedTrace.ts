/** A rollout as its trainer recorded it, as a trace that the editor shows like a scored one. */
import { pieceText } from "../annotation/pieceText";
import type { ScoredTrace } from "../annotation/scoredTrace";
import { layTokens, STANDS } from "../annotation/tokenRanges";
import type { TokenPieces } from "../engine/protocol";
import type { RolloutLine } from "../run/folder";

export type RecordedTrace =
  | {
      readonly ok: true;
      readonly trace: ScoredTrace;
      /** 1 where the token carried the gradient, shape [n] of the trace. */
      readonly kept: Uint8Array;
    }
  /** `message` says what does not fit, for a person. */
  | { readonly ok: false; readonly message: string };

export interface RecordingRun {
  readonly name: string;
  /** At which the rollouts were sampled and their entropies taken. */
  readonly temperature: number;
}

/** A rollout whose trainer recorded its tokens. */
export type RolloutWithTokens = RolloutLine & {
  readonly tokens: NonNullable<RolloutLine["tokens"]>;
};

export function hasTokens(rollout: RolloutLine): rollout is RolloutWithTokens {
  return rollout.tokens !== undefined;
}

/** Share of the tokens that may have other text in their place, such as `<unk>`, before the tokenizer counts as another. */
const MOST_STRAY = 0.01;

/**
 * Lays a rollout's recorded tokens over its completion. Tokens that stand for no text (the end token) are left out.
 * @param tokens the pieces of the rollout's ids by the run's model
 */
export function recordedTrace(
  rollout: RolloutWithTokens,
  { model, pieces }: TokenPieces,
  run: RecordingRun,
): RecordedTrace {
  const { completion } = rollout;
  const { ids, entropy, kept } = rollout.tokens;
  const foreign = ids.filter((id) => !pieces.has(id));
  if (foreign.length > 0) {
    return {
      ok: false,
      message: `${foreign.length} of the rollout's ${ids.length} tokens are not in the vocabulary of ${model.name} (id ${foreign[0]} of ${model.vocabularySize}): another tokenizer wrote them.`,
    };
  }
  const laid = layTokens(
    completion,
    ids.map((id) => pieces.get(id)!),
  );
  const shown: number[] = [];
  let stray = 0;
  for (let i = 0; i < ids.length; i++) {
    if (laid.stands[i] === STANDS.stray) stray++;
    if (laid.stands[i] !== STANDS.absent) shown.push(i);
  }
  if (stray > MOST_STRAY * ids.length || (shown.length === 0 && completion)) {
    return {
      ok: false,
      message: `The tokens of ${model.name} do not give the rollout's text: ${stray} of ${ids.length} stand on other characters. Another tokenizer wrote them.`,
    };
  }
  const n = shown.length;
  const left = ids.length - n;
  const mask = Uint8Array.from(shown, (i) => kept[i]!);
  const sum = (flags: ArrayLike<number>) =>
    Array.from(flags).reduce((total, one) => total + one, 0);
  const trace: ScoredTrace = {
    model,
    settings: {
      temperature: run.temperature,
      topK: 0,
      precision: "exact",
      contextSize: 0,
    },
    textLength: completion.length,
    ids: Int32Array.from(shown, (i) => ids[i]!),
    start: Uint32Array.from(shown, (i) => laid.start[i]!),
    end: Uint32Array.from(shown, (i) => laid.end[i]!),
    entropy: Float32Array.from(shown, (i) => entropy[i]!),
    logprob: new Float32Array(n).fill(NaN),
    rank: new Uint32Array(n),
    topK: 0,
    topIds: new Int32Array(0),
    topLogprobs: new Float32Array(0),
    pieces: new Map(
      Array.from(pieces, ([id, bytes]) => [id, pieceText(bytes)] as const),
    ),
    recorded: {
      run: run.name,
      step: rollout.step,
      group: rollout.group,
      reward: rollout.reward,
      advantage: rollout.advantage,
      withoutText: { tokens: left, kept: sum(kept) - sum(mask) },
    },
  };
  return { ok: true, trace, kept: mask };
}
