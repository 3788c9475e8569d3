/**
 * The objective of [80/20] Eq. 6 over one mini-batch, and its derivative by each token's log-probability and entropy: what
 * a trainer needs to set the gradient at the logits (see `logitsGradient`).
 */

/** dapo: one mean over all tokens of the mini-batch (token-level). grpo: the mean over sequences of each one's mean. TRL's `loss_type`. */
export type LossKind = "dapo" | "grpo";

/** What the masked sum is divided by: the kept tokens (the paper's v2) or all response tokens (TRL; the paper's v1). */
export type Denominator = "kept" | "all";

export interface ObjectiveSettings {
  readonly loss: LossKind;
  readonly denominator: Denominator;
  /** TRL's `epsilon`, the paper's 0.2. */
  readonly clipLow: number;
  /** TRL's `epsilon_high`, "clip-higher": the paper's 0.28. */
  readonly clipHigh: number;
  /** Coefficient of the KL term to the base model, TRL's `beta`; 0 switches it off. Unmasked. */
  readonly beta: number;
  /** Coefficient of the entropy bonus; 0 switches it off. Unmasked, as in the paper's discussion (TRL masks it). */
  readonly entropyCoefficient: number;
}

/** One mini-batch, its response tokens laid end to end, sequence after sequence. */
export interface ObjectiveBatch {
  /** First token of each sequence and, last, the number of tokens: shape [sequences + 1]. */
  readonly offsets: ArrayLike<number>;
  /** Under the policy being trained, shape [tokens]. */
  readonly logprob: ArrayLike<number>;
  /** Under the policy that made the rollout, shape [tokens]. */
  readonly oldLogprob: ArrayLike<number>;
  /** Under the base model, shape [tokens]; needed where beta is not 0. */
  readonly baseLogprob?: ArrayLike<number>;
  /** nats, under the policy being trained, shape [tokens]. */
  readonly entropy: ArrayLike<number>;
  /** Per sequence, shape [sequences]. */
  readonly advantage: ArrayLike<number>;
  /** 1 where the token carries the gradient, shape [tokens]. */
  readonly kept: ArrayLike<number>;
}

export interface ObjectiveResult {
  /** To be minimised. */
  readonly loss: number;
  /** dLoss/dlogprob, shape [tokens]. */
  readonly byLogprob: Float64Array;
  /** dLoss/dentropy, shape [tokens]; all 0 without an entropy bonus. */
  readonly byEntropy: Float64Array;
  /** Share of response tokens whose ratio fell below 1 - clipLow at a negative advantage: TRL's `clip_ratio/low_mean`. */
  readonly clipRatioLow: number;
  /** Share above 1 + clipHigh at a positive advantage: TRL's `clip_ratio/high_mean`. */
  readonly clipRatioHigh: number;
  /** Mean over response tokens of the k3 estimate of KL(policy || base); 0 without the term. */
  readonly kl: number;
}

/**
 * The clipped surrogate times the mask, plus the unmasked KL and entropy terms.
 *
 * Per token: -min(r A, clip(r, 1 - clipLow, 1 + clipHigh) A) with r = exp(logprob - oldLogprob); KL by the k3 estimator
 * exp(base - logprob) - (base - logprob) - 1 (TRL `_compute_loss`).
 * @throws RangeError where shapes do not fit, or beta asks for a baseLogprob that is not there
 */
export function clippedObjective(
  batch: ObjectiveBatch,
  settings: ObjectiveSettings,
): ObjectiveResult {
  const { offsets, logprob, oldLogprob, kept, advantage, baseLogprob } = batch;
  const tokens = logprob.length;
  const sequences = offsets.length - 1;
  if (
    offsets[sequences] !== tokens ||
    advantage.length !== sequences ||
    [oldLogprob, batch.entropy, kept].some((c) => c.length !== tokens) ||
    (settings.beta !== 0 && baseLogprob?.length !== tokens)
  ) {
    throw new RangeError(
      `The mini-batch's columns do not fit: ${tokens} tokens in ${sequences} sequences.`,
    );
  }
  const byLogprob = new Float64Array(tokens);
  const byEntropy = new Float64Array(tokens);
  let loss = 0;
  let kl = 0;
  let clippedLow = 0;
  let clippedHigh = 0;
  const whole =
    settings.loss === "dapo" ? tokenWeights(kept, 0, tokens, 1) : undefined;
  for (let s = 0; s < sequences; s++) {
    const [from, to] = [offsets[s]!, offsets[s + 1]!];
    const weight = whole ?? tokenWeights(kept, from, to, 1 / sequences);
    const a = advantage[s]!;
    for (let t = from; t < to; t++) {
      const ratio = Math.exp(logprob[t]! - oldLogprob[t]!);
      const low = ratio < 1 - settings.clipLow && a < 0;
      const high = ratio > 1 + settings.clipHigh && a > 0;
      if (low) clippedLow++;
      if (high) clippedHigh++;
      if (kept[t]) {
        const surrogate =
          settings.denominator === "kept" ? weight.perKept : weight.perToken;
        const clipped = Math.min(
          Math.max(ratio, 1 - settings.clipLow),
          1 + settings.clipHigh,
        );
        loss -= surrogate * Math.min(ratio * a, clipped * a);
        // min() takes the clipped, constant branch exactly where the ratio has left the range in the advantage's direction.
        if (!low && !high) byLogprob[t]! -= surrogate * ratio * a;
      }
      if (settings.beta !== 0) {
        const difference = baseLogprob![t]! - logprob[t]!;
        const estimate = Math.exp(difference) - difference - 1;
        kl += estimate;
        loss += settings.beta * weight.perToken * estimate;
        byLogprob[t]! +=
          settings.beta * weight.perToken * (1 - Math.exp(difference));
      }
      if (settings.entropyCoefficient !== 0) {
        loss -= (settings.entropyCoefficient * batch.entropy[t]!) / tokens;
        byEntropy[t] = -settings.entropyCoefficient / tokens;
      }
    }
  }
  const perToken = tokens > 0 ? 1 / tokens : 0;
  return {
    loss,
    byLogprob,
    byEntropy,
    clipRatioLow: clippedLow * perToken,
    clipRatioHigh: clippedHigh * perToken,
    kl: kl * perToken,
  };
}

/**
 * Supervised fine-tuning's objective, mask allowed: the mean negative log-probability of the kept tokens.
 * @returns the loss and dLoss/dlogprob, shape [tokens]
 */
export function sftObjective(
  logprob: ArrayLike<number>,
  kept: ArrayLike<number>,
  denominator: Denominator,
): { loss: number; byLogprob: Float64Array } {
  const count =
    denominator === "kept" ? sum(kept, 0, kept.length) : kept.length;
  const weight = 1 / Math.max(1, count);
  const byLogprob = new Float64Array(logprob.length);
  let loss = 0;
  for (let t = 0; t < logprob.length; t++) {
    if (!kept[t]) continue;
    loss -= weight * logprob[t]!;
    byLogprob[t] = -weight;
  }
  return { loss, byLogprob };
}

/**
 * dLoss/dlogits of one position, given dLoss/dlogprob of the token that stands there and dLoss/dentropy:
 * g (onehot - p) - h p (ln p + H), all divided by T.
 * @param logits shape [vocabulary]; p = softmax(logits / T)
 * @param out shape [vocabulary], overwritten
 */
export function logitsGradient(
  logits: ArrayLike<number>,
  token: number,
  temperature: number,
  byLogprob: number,
  byEntropy: number,
  out: Float64Array | Float32Array,
): void {
  const n = logits.length;
  let max = -Infinity;
  for (let j = 0; j < n; j++) max = Math.max(max, logits[j]! / temperature);
  let total = 0;
  let weighted = 0;
  for (let j = 0; j < n; j++) {
    const shifted = logits[j]! / temperature - max;
    const e = Math.exp(shifted);
    total += e;
    weighted += e * shifted;
  }
  const logTotal = Math.log(total);
  const entropy = logTotal - weighted / total;
  for (let j = 0; j < n; j++) {
    const lnP = logits[j]! / temperature - max - logTotal;
    const p = Math.exp(lnP);
    // p ln p is 0 at p = 0, where ln p would be -Infinity.
    const entropyPart = p === 0 ? 0 : -byEntropy * p * (lnP + entropy);
    const choice = byLogprob * ((j === token ? 1 : 0) - p);
    out[j] = (choice + entropyPart) / temperature;
  }
}

/** What one token of the tokens [from, to) weighs in a mean over the kept ones and over all of them, times `share`. */
function tokenWeights(
  kept: ArrayLike<number>,
  from: number,
  to: number,
  share: number,
): { perKept: number; perToken: number } {
  return {
    perKept: share / Math.max(1, sum(kept, from, to)),
    perToken: share / Math.max(1, to - from),
  };
}

function sum(values: ArrayLike<number>, from: number, to: number): number {
  let total = 0;
  for (let i = from; i < to; i++) total += values[i]!;
  return total;
}
