/**
 * A policy small enough to check by hand: the next token's logits are a row of a table chosen by the token before. The
 * trainable part is a table of the same shape, added to it. Gradients by `logitsGradient`, AdamW as torch writes it.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { logitsGradient } from "../../../core/rl/objective";
import { deriveSeed, uniform } from "../../../core/rl/seed";
import type { Rollout } from "../../../native/addon/rollouts";
import type { TokenBatch } from "../../../native/addon/training";
import type { Policy } from "../../../native/trainer/policy";

/** Id 0 ends a completion; a letter's id is its place in the alphabet. */
export const VOCABULARY = 6;

export interface BigramPolicy extends Policy {
  /** Targets of each call of forward and accumulate, for tests of what is computed where. */
  readonly calls: {
    kind: "forward" | "base" | "accumulate";
    sequences: number;
    targets: number;
  }[];
  /** Called before each rollout batch; may throw or wait. */
  onGenerate: (signal?: AbortSignal) => void | Promise<void>;
}

export function bigramPolicy(): BigramPolicy {
  const size = VOCABULARY * VOCABULARY;
  const base = Float64Array.from({ length: size }, (_, i) => {
    const random = uniform(deriveSeed(99, i, "adapter"));
    return 2 * random() - 1;
  });
  let delta = new Float64Array(size);
  let sampling = new Float64Array(size);
  let [m, v, t] = [new Float64Array(size), new Float64Array(size), 0];
  let gradient = new Float64Array(size);
  const calls: BigramPolicy["calls"] = [];

  const row = (table: Float64Array, token: number) =>
    Float64Array.from(
      { length: VOCABULARY },
      (_, j) => base[token * VOCABULARY + j]! + table[token * VOCABULARY + j]!,
    );
  const columns = (batch: TokenBatch, table: Float64Array) => {
    const logprob = new Float32Array(batch.targets.length);
    const entropy = new Float32Array(batch.targets.length);
    batch.targets.forEach((target, i) => {
      const p = softmax(row(table, batch.ids[target - 1]!), batch.temperature);
      logprob[i] = Math.log(p[batch.ids[target]!]!);
      entropy[i] = -p.reduce(
        (sum, q) => sum + (q > 0 ? q * Math.log(q) : 0),
        0,
      );
    });
    return { logprob, entropy };
  };

  const policy: BigramPolicy = {
    calls,
    onGenerate: () => undefined,
    kernel: {
      description: {} as Policy["kernel"]["description"],
      forward: (batch, options) => {
        calls.push({
          kind: options?.base ? "base" : "forward",
          sequences: batch.offsets.length - 1,
          targets: batch.targets.length,
        });
        return Promise.resolve(
          columns(batch, options?.base ? new Float64Array(size) : delta),
        );
      },
      accumulate: (batch, objective) => {
        calls.push({
          kind: "accumulate",
          sequences: batch.offsets.length - 1,
          targets: batch.targets.length,
        });
        const found = columns(batch, delta);
        const { byLogprob, byEntropy } = objective(
          found.logprob,
          found.entropy,
        );
        const out = new Float64Array(VOCABULARY);
        batch.targets.forEach((target, i) => {
          const before = batch.ids[target - 1]!;
          const token = batch.ids[target]!;
          const { temperature } = batch;
          logitsGradient(
            row(delta, before),
            token,
            temperature,
            byLogprob[i]!,
            byEntropy[i]!,
            out,
          );
          out.forEach((g, j) => (gradient[before * VOCABULARY + j]! += g));
        });
        return Promise.resolve(found);
      },
      optimizerStep: (s) => {
        const gradNorm = Math.hypot(...gradient);
        const scale =
          s.maxGradNorm > 0
            ? Math.min(1, s.maxGradNorm / (gradNorm + 1e-6))
            : 1;
        t++;
        for (let i = 0; i < size; i++) {
          const g = gradient[i]! * scale;
          m[i] = s.beta1 * m[i]! + (1 - s.beta1) * g;
          v[i] = s.beta2 * v[i]! + (1 - s.beta2) * g * g;
          delta[i]! -= s.learningRate * s.weightDecay * delta[i]!;
          delta[i]! -=
            (s.learningRate * (m[i]! / (1 - s.beta1 ** t))) /
            (Math.sqrt(v[i]! / (1 - s.beta2 ** t)) + s.epsilon);
        }
        gradient = new Float64Array(size);
        return { gradNorm, skipped: !Number.isFinite(gradNorm) };
      },
      zeroGradients: () => {
        gradient = new Float64Array(size);
      },
      saveAdapter: (path) => writeFileSync(path, bytes(delta)),
      exportState: () =>
        new Uint8Array(
          Buffer.concat([delta, m, v, Float64Array.of(t)].map(bytes)),
        ),
      importState: (state) => {
        const all = doubles(state);
        delta = all.slice(0, size);
        m = all.slice(size, 2 * size);
        v = all.slice(2 * size, 3 * size);
        t = all[3 * size]!;
      },
    },
    rollouts: {
      setAdapter: (path) => {
        sampling =
          path === undefined
            ? new Float64Array(size)
            : doubles(readFileSync(path));
      },
      generate: async (prompts, options, _progress, signal) => {
        await policy.onGenerate(signal);
        signal?.throwIfAborted();
        return prompts.flatMap((prompt, p) =>
          Array.from({ length: options.groupSize }, (_, g): Rollout => {
            const random = uniform(deriveSeed(options.seed, p, "rollout", g));
            const ids: number[] = [];
            const logprob: number[] = [];
            const entropy: number[] = [];
            let last = prompt.at(-1)!;
            while (
              ids.length < options.maxTokens &&
              (ids.length === 0 || last !== 0)
            ) {
              const probabilities = softmax(
                row(sampling, last),
                options.temperature,
              );
              let left = random();
              let token = probabilities.findIndex((q) => (left -= q) < 0);
              if (options.topK === 1)
                token = probabilities.indexOf(Math.max(...probabilities));
              if (token < 0) token = VOCABULARY - 1;
              ids.push(token);
              logprob.push(Math.log(probabilities[token]!));
              entropy.push(
                -probabilities.reduce(
                  (sum, q) => sum + (q > 0 ? q * Math.log(q) : 0),
                  0,
                ),
              );
              last = token;
            }
            return {
              ids: Int32Array.from(ids),
              logprob: Float32Array.from(logprob),
              entropy: Float32Array.from(entropy),
              finished: last === 0,
            };
          }),
        );
      },
    },
    tokenizer: {
      stopIds: [0],
      prompt: (prompt) => letterIds(prompt as string),
      completion: (_prompt, text) => Int32Array.from([...letterIds(text), 0]),
      decode: (ids) =>
        [...ids]
          .filter((id) => id > 0)
          .map((id) => String.fromCharCode(96 + id))
          .join(""),
    },
    free: () => undefined,
  };
  return policy;
}

function letterIds(text: string): Int32Array {
  return Int32Array.from([...text], (letter) => letter.charCodeAt(0) - 96);
}

function softmax(logits: Float64Array, temperature: number): number[] {
  const scaled = [...logits].map((z) => z / temperature);
  const max = Math.max(...scaled);
  const e = scaled.map((z) => Math.exp(z - max));
  const total = e.reduce((a, b) => a + b, 0);
  return e.map((x) => x / total);
}

function bytes(values: Float64Array): Buffer {
  return Buffer.from(values.slice().buffer);
}

function doubles(data: Uint8Array): Float64Array<ArrayBuffer> {
  return new Float64Array(Uint8Array.from(data).buffer);
}
