/** How the launch panel lays out the settings of a run: which are shown first, and what the others are gathered under. */
import type { EngineName } from "../run/engineSettings";

export interface FormSection {
  readonly id: string;
  readonly title: string;
  /** Shown unfolded at first. */
  readonly isBasic: boolean;
  /** The engines that know these settings; all where left out. */
  readonly engines?: readonly EngineName[];
  /** Dotted names of settings. */
  readonly fields: readonly string[];
}

/** Every setting of the schema stands in exactly one section. */
export const FORM_SECTIONS: readonly FormSection[] = [
  {
    id: "run",
    title: "Run",
    isBasic: true,
    fields: ["name", "engine", "model"],
  },
  {
    id: "data",
    title: "Data and reward",
    isBasic: true,
    fields: ["data.train", "reward.kind", "reward.file", "data.eval"],
  },
  {
    id: "mask",
    title: "Mask",
    isBasic: true,
    fields: ["mask.kind", "mask.rho"],
  },
  {
    id: "training",
    title: "Training",
    isBasic: true,
    fields: [
      "rollout.promptsPerStep",
      "rollout.groupSize",
      "rollout.maxTokens",
      "steps",
      "optimizer.learningRate",
      "seed",
    ],
  },
  {
    id: "trl",
    title: "TRL",
    isBasic: false,
    engines: ["trl", "ray"],
    fields: ["trl.processes", "trl.precision", "trl.vllm", "trl.tensorboard"],
  },
  {
    id: "ray",
    title: "Ray cluster",
    isBasic: false,
    engines: ["ray"],
    fields: ["ray.workers", "ray.cpusPerWorker", "ray.gpusPerWorker"],
  },
  {
    id: "maskDetails",
    title: "Mask in detail",
    isBasic: false,
    fields: ["mask.pool", "mask.rule", "mask.denominator"],
  },
  {
    id: "sampling",
    title: "Sampling",
    isBasic: false,
    fields: [
      "rollout.temperature",
      "rollout.topP",
      "rollout.topK",
      "rollout.minP",
      "parallel",
    ],
  },
  {
    id: "objective",
    title: "Loss and advantages",
    isBasic: false,
    fields: [
      "objective.loss",
      "objective.clipLow",
      "objective.clipHigh",
      "objective.beta",
      "objective.entropyCoefficient",
      "objective.scaleRewards",
      "objective.dynamicSampling",
      "objective.maxResamples",
      "objective.overlong.maximum",
      "objective.overlong.cache",
    ],
  },
  {
    id: "optimizer",
    title: "Optimizer",
    isBasic: false,
    fields: [
      "optimizer.schedule",
      "optimizer.warmupSteps",
      "miniBatches",
      "microBatchTokens",
      "optimizer.weightDecay",
      "optimizer.maxGradNorm",
      "optimizer.beta1",
      "optimizer.beta2",
      "optimizer.epsilon",
    ],
  },
  {
    id: "adapter",
    title: "LoRA",
    isBasic: false,
    fields: ["adapter.rank", "adapter.alpha", "adapter.targets"],
  },
  {
    id: "evaluation",
    title: "Evaluation and analysis",
    isBasic: false,
    fields: [
      "eval.every",
      "eval.samples",
      "eval.limit",
      "eval.temperature",
      "analysis.every",
      "analysis.rollouts",
    ],
  },
  {
    id: "rewardDetails",
    title: "Own reward",
    isBasic: false,
    fields: ["reward.timeoutSeconds", "reward.python"],
  },
  {
    id: "disk",
    title: "Checkpoints and logs",
    isBasic: false,
    fields: ["checkpoints.every", "checkpoints.keep", "loggedRollouts"],
  },
  {
    id: "machine",
    title: "Machine",
    isBasic: false,
    fields: ["threads", "gpu"],
  },
];

/** Labels where the setting's name alone would not be understood beside the others of its section. */
export const FORM_LABELS: Readonly<Record<string, string>> = {
  "data.train": "Training data",
  "data.eval": "Evaluation sets",
  "reward.kind": "Reward",
  "reward.file": "Reward file",
  "reward.python": "Python interpreter",
  "reward.timeoutSeconds": "Time limit (seconds)",
  "mask.kind": "Tokens that learn",
  "rollout.groupSize": "Rollouts per prompt",
  "rollout.maxTokens": "Longest completion (tokens)",
  parallel: "Rollouts at once",
  "objective.overlong.maximum": "Overlong: maximum (tokens)",
  "objective.overlong.cache": "Overlong: cache (tokens)",
  miniBatches: "Mini-batches per step",
  microBatchTokens: "Micro-batch (tokens)",
  "eval.every": "Evaluate every (steps)",
  "eval.samples": "Completions per problem",
  "eval.limit": "Problems of each set, at most",
  "eval.temperature": "Evaluation temperature",
  "analysis.every": "Compare with the base every (steps)",
  "analysis.rollouts": "Rollouts compared",
  "checkpoints.every": "Keep a checkpoint every (steps)",
  "checkpoints.keep": "Checkpoints kept",
  gpu: "GPU",
  "trl.vllm": "vLLM",
  "trl.tensorboard": "TensorBoard",
  "ray.cpusPerWorker": "CPUs per worker",
  "ray.gpusPerWorker": "GPUs per worker",
};
