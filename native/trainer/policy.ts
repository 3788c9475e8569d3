/** The model under training as the loop sees it: one kernel that learns, one engine that samples, one tokenizer. */
import type { Problem } from "../../core/tasks/problem";
import type { RolloutEngine } from "../addon/rollouts";
import type { TrainingKernel } from "../addon/training";

export interface Policy {
  readonly kernel: Pick<
    TrainingKernel,
    | "description"
    | "forward"
    | "accumulate"
    | "optimizerStep"
    | "zeroGradients"
    | "saveAdapter"
    | "exportState"
    | "importState"
  >;
  readonly rollouts: Pick<RolloutEngine, "generate" | "setAdapter">;
  readonly tokenizer: TrainerTokenizer;
  free(): void;
}

export interface TrainerTokenizer {
  /** A rollout ends with one of these. */
  readonly stopIds: readonly number[];
  /** The prompt as the model reads it, rendered by its chat template where it is messages. */
  prompt(prompt: Problem["prompt"]): Int32Array;
  /** What the model is to write after the prompt, its end token included. */
  completion(prompt: Problem["prompt"], text: string): Int32Array;
  /** The text of sampled tokens; a stop token at the end is left out. */
  decode(ids: Int32Array): string;
}
