import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type {
  LoraTarget,
  TargetGradients,
  TokenBatch,
  TrainerOptions,
  TrainingAddon,
  TrainingKernel,
} from "../../native/addon/training";
import {
  clippedObjective,
  type ObjectiveSettings,
} from "../../core/rl/objective";
import { openAddon } from "./openAddon";

export const LORA_TARGETS: readonly LoraTarget[] = [
  "attn_q",
  "attn_k",
  "attn_v",
  "attn_output",
  "ffn_gate",
  "ffn_up",
  "ffn_down",
];

/** What test/fixtures/train/make_fixture.py wrote for one model. */
export interface TrainFixture {
  readonly rank: number;
  readonly alpha: number;
  readonly temperature: number;
  readonly settings: ObjectiveSettings;
  readonly adamw: Parameters<TrainingKernel["optimizerStep"]>[0];
  readonly sequences: readonly (readonly number[])[];
  readonly prompts: readonly number[];
  readonly advantage: readonly number[];
  readonly kept: readonly number[];
  readonly oldLogprob: readonly number[];
  readonly baseLogprob: readonly number[];
  readonly logprob: readonly number[];
  readonly entropy: readonly number[];
  readonly loss: number;
  readonly gradNorm: number;
  readonly gradients: Readonly<Record<string, readonly number[]>>;
  readonly afterStep?: Readonly<Record<string, readonly number[]>>;
}

/** A file of test/fixtures/train. */
export function trainPath(name: string): string {
  return fileURLToPath(new URL(`../fixtures/train/${name}`, import.meta.url));
}

export function trainFixture(name: string): TrainFixture {
  return JSON.parse(
    readFileSync(trainPath(`${name}.json`), "utf8"),
  ) as TrainFixture;
}

export function openTraining(): TrainingAddon {
  return openAddon() as TrainingAddon;
}

/** A trainer on one of the fixture's models with its adapter loaded, on one thread: a busy machine makes two spin. */
export async function openFixture(
  name: string,
  fixture: TrainFixture,
  options: Partial<TrainerOptions> = {},
): Promise<TrainingKernel> {
  const kernel = await openTraining().createTrainer(trainPath(`${name}.gguf`), {
    rank: fixture.rank,
    alpha: fixture.alpha,
    targets: LORA_TARGETS,
    seed: 1,
    threads: 1,
    ...options,
  });
  kernel.loadAdapter(trainPath(`${name}-adapter.gguf`));
  return kernel;
}

/** All response tokens of the fixture's sequences as targets. */
export function fixtureBatch(fixture: TrainFixture): TokenBatch {
  const offsets = [0];
  const targets: number[] = [];
  for (const [s, ids] of fixture.sequences.entries()) {
    const start = offsets[s]!;
    for (let t = fixture.prompts[s]!; t < ids.length; t++) {
      targets.push(start + t);
    }
    offsets.push(start + ids.length);
  }
  return {
    ids: Int32Array.from(fixture.sequences.flat()),
    offsets: Int32Array.from(offsets),
    targets: Int32Array.from(targets),
    temperature: fixture.temperature,
  };
}

/** The fixture's objective by core/rl; `seen` gets its result. */
export function fixtureObjective(
  fixture: TrainFixture,
  seen: { loss: number },
): (logprob: Float32Array, entropy: Float32Array) => TargetGradients {
  const offsets = [0];
  for (const [s, ids] of fixture.sequences.entries()) {
    offsets.push(offsets[s]! + ids.length - fixture.prompts[s]!);
  }
  return (logprob, entropy) => {
    const result = clippedObjective(
      {
        offsets,
        logprob,
        entropy,
        oldLogprob: fixture.oldLogprob,
        baseLogprob: fixture.baseLogprob,
        advantage: fixture.advantage,
        kept: fixture.kept,
      },
      fixture.settings,
    );
    seen.loss = result.loss;
    return result;
  };
}

/** |a - b| / |b|, Euclidean. */
export function relativeError(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
): number {
  let difference = 0;
  let size = 0;
  for (let i = 0; i < b.length; i++) {
    difference += (a[i]! - b[i]!) ** 2;
    size += b[i]! ** 2;
  }
  return a.length === b.length ? Math.sqrt(difference / size) : Infinity;
}
