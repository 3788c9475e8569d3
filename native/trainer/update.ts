/**
 * One step's updates: from rollouts and advantages to new LoRA matrices, mini-batch after mini-batch.
 *
 * The first mini-batch is on-policy: the rollout engine's log-probabilities and entropies are those of the policy being
 * trained, so the ratio is exactly 1 and no pass is needed before the mask. Every later one is off-policy: its old
 * log-probabilities are taken by the kernel before the first update (as TRL and verl do, so that old and new come from the
 * same arithmetic), its entropies and log-probabilities by the kernel under the policy of that moment ([80/20] Eq. 6: H_t
 * is the trained policy's). The derivative by each token's log-probability is known before the backward pass; tokens
 * whose derivative is 0 (masked, clipped, or of a group without mixed rewards) never reach the output matrix.
 */
import { entropyMask } from "../../core/rl/mask";
import { planMicroBatches } from "../../core/rl/microBatch";
import { clippedObjective, sftObjective } from "../../core/rl/objective";
import { learningRateAt } from "../../core/rl/schedule";
import { deriveSeed, uniform } from "../../core/rl/seed";
import type { RunSettings } from "../../core/run/settings";
import type { Policy } from "./policy";
import {
  type CompletionColumns,
  completionLength,
  scoreSequences,
  type Sequence,
  tokenBatch,
} from "./sequence";

/** A sequence with what the update needs of it. */
export interface TrainingSequence extends Sequence {
  /** 0 for supervised fine-tuning, which has none. */
  readonly advantage: number;
  /** From the rollout; undefined for supervised fine-tuning. */
  readonly sampled?: CompletionColumns;
}

export interface UpdateOptions {
  readonly settings: RunSettings;
  readonly step: number;
  /** Optimiser's updates before this step. */
  readonly updates: number;
  readonly signal: AbortSignal;
  readonly onActivity: (activity: "score" | "update") => void;
}

export interface UpdateResult {
  /** Means over the step's mini-batches. */
  readonly loss: number;
  readonly gradNorm: number;
  readonly clipRatioLow: number;
  readonly clipRatioHigh: number;
  readonly kl: number;
  readonly threshold: number;
  /** Of the last update. */
  readonly learningRate: number;
  /** Updates whose gradient was not finite: they changed nothing. */
  readonly skipped: number;
  /** Per sequence: 1 where the token carried the gradient. */
  readonly kept: readonly Uint8Array[];
  /** Per sequence, nats, under the policy when the step's update began. */
  readonly entropy: readonly Float32Array[];
  /** |log-probability of the rollout engine - of the kernel| over tokens of the first mini-batch that were trained on: mean and largest, null where there were none. */
  readonly samplingDifference: { mean: number; max: number } | null;
  /** Seconds. */
  readonly scoreTime: number;
  readonly updateTime: number;
}

/** Columns of some sequences laid end to end. */
interface Pool {
  readonly offsets: number[];
  readonly logprob: Float32Array;
  readonly entropy: Float32Array;
}

/** @throws what the signal's abort throws, between micro-batches; gradients accumulated so far are dropped */
export async function updatePolicy(
  kernel: Policy["kernel"],
  sequences: readonly TrainingSequence[],
  options: UpdateOptions,
): Promise<UpdateResult> {
  try {
    return await new Update(kernel, sequences, options).run();
  } catch (error) {
    kernel.zeroGradients();
    throw error;
  }
}

class Update {
  private readonly settings: RunSettings;
  private readonly kept: Uint8Array[];
  private readonly totals = { loss: 0, norm: 0, low: 0, high: 0, kl: 0 };
  private readonly thresholds: number[] = [];
  private readonly differences: number[] = [];
  private scoreTime = 0;
  private updateTime = 0;
  private skipped = 0;
  private learningRate = 0;

  constructor(
    private readonly kernel: Policy["kernel"],
    private readonly sequences: readonly TrainingSequence[],
    private readonly options: UpdateOptions,
  ) {
    this.settings = options.settings;
    this.kept = sequences.map((one) => new Uint8Array(completionLength(one)));
  }

  async run(): Promise<UpdateResult> {
    const batches = split(this.sequences.length, this.settings.miniBatches);
    const all = this.sequences.map((_, i) => i);
    const sampled = this.sequences.map(({ sampled }) => sampled);
    // Needed where a later mini-batch wants old log-probabilities of the kernel's own arithmetic, or there was no rollout.
    const scored =
      batches.length > 1 || sampled.includes(undefined)
        ? await this.score(all, false)
        : undefined;
    const atStart = (scored ?? sampled) as CompletionColumns[];
    for (const [m, batch] of batches.entries()) {
      await this.miniBatch(m, batch, all, atStart);
    }
    const n = batches.length;
    const known = this.thresholds.filter((one) => !Number.isNaN(one));
    return {
      loss: this.totals.loss / n,
      gradNorm: this.totals.norm / n,
      clipRatioLow: this.totals.low / n,
      clipRatioHigh: this.totals.high / n,
      kl: this.totals.kl / n,
      threshold: mean(known),
      learningRate: this.learningRate,
      skipped: this.skipped,
      kept: this.kept,
      entropy: atStart.map(({ entropy }) => entropy),
      samplingDifference:
        this.differences.length === 0
          ? null
          : {
              mean: mean(this.differences),
              max: this.differences.reduce((a, b) => Math.max(a, b), 0),
            },
      scoreTime: this.scoreTime,
      updateTime: this.updateTime,
    };
  }

  private async miniBatch(
    m: number,
    batch: readonly number[],
    all: readonly number[],
    atStart: readonly CompletionColumns[],
  ): Promise<void> {
    const { mask, objective } = this.settings;
    const wholePool = mask.pool === "batch" && mask.kind !== "all";
    // The first mini-batch's policy is the one of the step's start; a later one's is asked anew.
    const now =
      m === 0
        ? atStart
        : await this.score(wholePool ? all : batch, false, atStart);
    const base =
      objective.beta !== 0 && objective.loss !== "sft"
        ? await this.score(batch, true)
        : undefined;
    const kept = this.mask(m, wholePool ? all : batch, now);
    for (const i of batch) this.kept[i] = kept.get(i)!;
    const began = performance.now();
    this.options.onActivity("update");
    const gradients = this.derivatives(batch, now, atStart, base);
    await this.backward(m === 0, batch, gradients);
    this.step(m);
    this.updateTime += (performance.now() - began) / 1000;
  }

  /** The mask of each sequence of the pool; its threshold is noted. */
  private mask(
    m: number,
    indices: readonly number[],
    now: readonly CompletionColumns[],
  ): Map<number, Uint8Array> {
    const { mask, seed } = this.settings;
    const pools = mask.pool === "micro-batch" ? this.plan(indices) : [indices];
    const kept = new Map<number, Uint8Array>();
    for (const [p, pool] of pools.entries()) {
      const { offsets, entropy } = layOut(pool.map((i) => now[i]!));
      // Of the whole batch's lot only a share is used in each mini-batch: the same lot for all of them.
      const draw = mask.pool === "batch" ? 0 : m * 65536 + p;
      const random = uniform(deriveSeed(seed, this.options.step, "mask", draw));
      const result = entropyMask(entropy, mask, random);
      this.thresholds.push(result.threshold);
      pool.forEach((i, s) => {
        kept.set(i, result.kept.slice(offsets[s], offsets[s + 1]));
      });
    }
    return kept;
  }

  /** dLoss/dlogprob and dLoss/dentropy of each sequence's tokens; totals of the mini-batch are noted. */
  private derivatives(
    batch: readonly number[],
    now: readonly CompletionColumns[],
    atStart: readonly CompletionColumns[],
    base: readonly CompletionColumns[] | undefined,
  ): Map<number, { byLogprob: Float64Array; byEntropy: Float64Array }> {
    const { objective, mask } = this.settings;
    const current = layOut(batch.map((i) => now[i]!));
    const kept = Uint8Array.from(batch.flatMap((i) => [...this.kept[i]!]));
    let byLogprob: Float64Array;
    let byEntropy: Float64Array;
    if (objective.loss === "sft") {
      const result = sftObjective(current.logprob, kept, mask.denominator);
      byLogprob = result.byLogprob;
      byEntropy = new Float64Array(byLogprob.length);
      this.totals.loss += result.loss;
    } else {
      const result = clippedObjective(
        {
          ...current,
          oldLogprob: layOut(batch.map((i) => atStart[i]!)).logprob,
          ...(base && {
            baseLogprob: layOut(batch.map((i) => base[i]!)).logprob,
          }),
          advantage: batch.map((i) => this.sequences[i]!.advantage),
          kept,
        },
        { ...objective, loss: objective.loss, denominator: mask.denominator },
      );
      ({ byLogprob, byEntropy } = result);
      this.totals.loss += result.loss;
      this.totals.low += result.clipRatioLow;
      this.totals.high += result.clipRatioHigh;
      this.totals.kl += result.kl;
    }
    return new Map(
      batch.map((i, s) => {
        const [from, to] = [current.offsets[s]!, current.offsets[s + 1]!];
        return [
          i,
          {
            byLogprob: byLogprob.subarray(from, to),
            byEntropy: byEntropy.subarray(from, to),
          },
        ];
      }),
    );
  }

  /** Accumulates the mini-batch's gradient, over the tokens that have one. */
  private async backward(
    onPolicy: boolean,
    batch: readonly number[],
    gradients: Map<
      number,
      { byLogprob: Float64Array; byEntropy: Float64Array }
    >,
  ): Promise<void> {
    const bears = (i: number, t: number) => {
      const { byLogprob, byEntropy } = gradients.get(i)!;
      return byLogprob[t] !== 0 || byEntropy[t] !== 0;
    };
    const bearing = batch.filter((i) =>
      this.kept[i]!.some((_, t) => bears(i, t)),
    );
    for (const indices of this.plan(bearing)) {
      this.options.signal.throwIfAborted();
      const byLogprob: number[] = [];
      const byEntropy: number[] = [];
      const sampled: number[] = [];
      const tokens = tokenBatch(
        indices.map((i) => this.sequences[i]!),
        this.settings.rollout.temperature,
        (s, t) => {
          const i = indices[s]!;
          if (!bears(i, t)) return false;
          byLogprob.push(gradients.get(i)!.byLogprob[t]!);
          byEntropy.push(gradients.get(i)!.byEntropy[t]!);
          sampled.push(this.sequences[i]!.sampled?.logprob[t] ?? NaN);
          return true;
        },
      );
      const columns = await this.kernel.accumulate(tokens, () => ({
        byLogprob: Float64Array.from(byLogprob),
        byEntropy: Float64Array.from(byEntropy),
      }));
      if (!onPolicy || this.settings.objective.loss === "sft") continue;
      sampled.forEach((logprob, i) => {
        this.differences.push(Math.abs(logprob - columns.logprob[i]!));
      });
    }
  }

  private step(m: number): void {
    const { optimizer, steps, miniBatches } = this.settings;
    this.learningRate = learningRateAt(
      this.options.updates + m,
      steps * miniBatches,
      optimizer,
    );
    const { weightDecay, beta1, beta2, epsilon, maxGradNorm } = optimizer;
    const { gradNorm, skipped } = this.kernel.optimizerStep({
      learningRate: this.learningRate,
      weightDecay,
      beta1,
      beta2,
      epsilon,
      maxGradNorm,
    });
    this.totals.norm += gradNorm;
    if (skipped) this.skipped++;
  }

  /** Columns of the named sequences by sequence index; the others' are taken from `rest` where it is given. */
  private async score(
    indices: readonly number[],
    base: boolean,
    rest: readonly CompletionColumns[] = [],
  ): Promise<CompletionColumns[]> {
    const began = performance.now();
    this.options.onActivity("score");
    const scored = await scoreSequences(
      this.kernel,
      indices.map((i) => this.sequences[i]!),
      {
        temperature: this.settings.rollout.temperature,
        microBatchTokens: this.settings.microBatchTokens,
        base,
        signal: this.options.signal,
      },
    );
    const columns = [...rest];
    indices.forEach((i, at) => (columns[i] = scored[at]!));
    this.scoreTime += (performance.now() - began) / 1000;
    return columns;
  }

  private plan(indices: readonly number[]): number[][] {
    return planMicroBatches(
      indices.map((i) => this.sequences[i]!.ids.length),
      this.settings.microBatchTokens,
    ).map((places) => places.map((place) => indices[place]!));
  }
}

/** 0 to n - 1 in `parts` runs that differ in length by at most 1; fewer where n is smaller. */
export function split(n: number, parts: number): number[][] {
  const count = Math.min(n, parts);
  return Array.from({ length: count }, (_, part) => {
    const from = Math.floor((part * n) / count);
    const to = Math.floor(((part + 1) * n) / count);
    return Array.from({ length: to - from }, (_, i) => from + i);
  });
}

function layOut(columns: readonly CompletionColumns[]): Pool {
  const offsets = [0];
  for (const { logprob } of columns)
    offsets.push(offsets.at(-1)! + logprob.length);
  const logprob = new Float32Array(offsets.at(-1)!);
  const entropy = new Float32Array(offsets.at(-1)!);
  columns.forEach((one, i) => {
    logprob.set(one.logprob, offsets[i]);
    entropy.set(one.entropy, offsets[i]);
  });
  return { offsets, logprob, entropy };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
