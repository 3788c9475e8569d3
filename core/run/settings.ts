/**
 * The settings of a training run: what a run file (`*.forksight.yaml`) may say. This schema is the one source of the
 * settings' types, their defaults, their checks and the JSON schema that editors complete from (schemas/run.schema.json).
 *
 * Defaults are the paper's ([80/20] section 5.2) where they do not depend on size, and scaled to a small model where they do.
 */
import { z } from "zod";
import { ENGINES, ray, trl } from "./engineSettings";
import { count, path, share } from "./settingTypes";

/** A part of a metric's name `eval/<set>/accuracy`, so nothing that would make it ambiguous. */
const SET_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** Projections of a transformer layer that LoRA may be put on, by the names that PEFT gives them. */
export const TARGET_MODULES = [
  "q_proj",
  "k_proj",
  "v_proj",
  "o_proj",
  "gate_proj",
  "up_proj",
  "down_proj",
] as const;

const adapter = z.strictObject({
  rank: count(1, 1024)
    .default(16)
    .describe("Rank of the LoRA matrices. PEFT: `r`."),
  alpha: z
    .number()
    .positive()
    .default(32)
    .describe(
      "Scale: the adapter's output is multiplied by alpha / rank. PEFT: `lora_alpha`.",
    ),
  targets: z
    .array(z.enum(TARGET_MODULES))
    .min(1)
    .default([...TARGET_MODULES])
    .describe("Projections that get an adapter. PEFT: `target_modules`."),
});

const data = z.strictObject({
  train: path.describe(
    "Training problems: JSONL with `prompt` (text, or messages for the chat template), `question` or `messages`, and what the reward needs, such as `answer`, or `numbers` and `target` for Countdown. For `loss: sft` also `completion`.",
  ),
  eval: z
    .record(
      z
        .string()
        .regex(
          SET_NAME,
          "a set's name is letters, digits, dot, dash and underscore",
        ),
      path,
    )
    .default({})
    .describe(
      "Held-out sets by name, each a JSONL like the training data. Metrics: `eval/<set>/accuracy`.",
    ),
});

const reward = z
  .strictObject({
    kind: z
      .enum(["countdown", "exact", "maths", "javascript", "python"])
      .default("countdown")
      .describe(
        "countdown: the boxed expression gives the target. exact: the answer (boxed, or the whole completion) equals `answer`. maths: the boxed answer equals `answer` as a number or formula. javascript, python: your own function (needs --trust-rewards or a trusted workspace).",
      ),
    file: path
      .optional()
      .describe(
        "javascript: a module with `export default function reward({prompts, completions, ...columns})`; python: a file with `def reward(prompts, completions, **columns)`, as TRL's reward functions. Returns a number per completion.",
      ),
    timeoutSeconds: z
      .number()
      .positive()
      .max(86400)
      .default(30)
      .describe(
        "Time limit for one call of your own reward (a batch of completions).",
      ),
    python: z
      .string()
      .min(1)
      .default("python3")
      .describe("Interpreter that runs a Python reward."),
  })
  .superRefine((value, context) => {
    const own = value.kind === "javascript" || value.kind === "python";
    if (own && value.file === undefined)
      context.addIssue({
        code: "custom",
        path: ["file"],
        message: `a ${value.kind} reward needs the file that holds it`,
      });
  });

const rollout = z.strictObject({
  promptsPerStep: count(1, 65536)
    .default(8)
    .describe("Prompts of one step. The paper: 512."),
  groupSize: count(1, 4096)
    .default(8)
    .describe(
      "Rollouts per prompt, compared with each other. TRL: `num_generations`.",
    ),
  maxTokens: count(1, 1048576)
    .default(192)
    .describe("Longest completion, in tokens. TRL: `max_completion_length`."),
  temperature: z
    .number()
    .min(0.01)
    .max(100)
    .default(1)
    .describe(
      "Logits are divided by it, in sampling, in the loss and in the entropy. TRL: `temperature`.",
    ),
  topP: share.default(1).describe("Nucleus sampling; 1 is off. TRL: `top_p`."),
  topK: count(0, 1e6)
    .default(0)
    .describe("Sample among the k most probable; 0 is off. TRL: `top_k`."),
  minP: share
    .default(0)
    .describe(
      "Drop tokens below this share of the most probable one; 0 is off. TRL: `min_p`.",
    ),
});

const overlong = z
  .strictObject({
    maximum: count().describe(
      "Length in tokens at which the penalty reaches -1. The paper: 20480.",
    ),
    cache: count(0).describe(
      "Tokens before the maximum over which it grows. The paper: 4096.",
    ),
  })
  .refine((value) => value.cache <= value.maximum, {
    path: ["cache"],
    message: "must not exceed `maximum`",
  });

const objective = z.strictObject({
  loss: z
    .enum(["dapo", "grpo", "sft"])
    .default("dapo")
    .describe(
      "dapo: mean over all tokens of the mini-batch. grpo: mean over sequences of each one's mean. sft: log-probability of the data's completions, without rollouts. TRL: `loss_type`.",
    ),
  clipLow: z.number().min(0).max(1).default(0.2).describe("TRL: `epsilon`."),
  clipHigh: z
    .number()
    .min(0)
    .max(100)
    .default(0.28)
    .describe("Clip-higher of DAPO. TRL: `epsilon_high`."),
  beta: z
    .number()
    .min(0)
    .default(0)
    .describe(
      "Weight of the KL term to the base model, unmasked; 0 is off, as in the paper. TRL: `beta`.",
    ),
  entropyCoefficient: z
    .number()
    .default(0)
    .describe(
      "Weight of the entropy bonus, unmasked; 0 is off, as in the paper. verl: `entropy_coeff`.",
    ),
  scaleRewards: z
    .enum(["group", "batch", "none"])
    .default("group")
    .describe(
      "By which deviation advantages are divided. TRL: `scale_rewards`.",
    ),
  dynamicSampling: z
    .boolean()
    .default(false)
    .describe(
      "Replace groups whose rewards are all equal by new prompts (DAPO: 0 < correct < G). verl: `filter_groups`.",
    ),
  maxResamples: count(1, 100)
    .default(3)
    .describe(
      "At most so many extra rounds of rollouts in a step for dynamic sampling. verl: `max_num_gen_batches`.",
    ),
  overlong: overlong
    .optional()
    .describe(
      "DAPO's penalty on long completions. TRL: `get_soft_overlong_punishment`.",
    ),
});

const mask = z.strictObject({
  kind: z
    .enum(["all", "top", "bottom", "random"])
    .default("top")
    .describe(
      "Which response tokens carry the gradient: all; the top rho by entropy (the forking tokens); the bottom 1 - rho (the paper's reverse experiment); a random rho (control).",
    ),
  rho: z
    .number()
    .gt(0)
    .max(1)
    .default(0.2)
    .describe(
      "Share of tokens at the top. TRL: `top_entropy_quantile`; the authors: `entropy_top_ratio`.",
    ),
  pool: z
    .enum(["micro-batch", "mini-batch", "batch"])
    .default("mini-batch")
    .describe(
      "Tokens over which the threshold is taken. The authors: micro-batch; the paper's text: batch.",
    ),
  rule: z
    .enum(["exact", "quantile"])
    .default("exact")
    .describe(
      "exact: k = max(1, ceil(rho n)) tokens (the authors). quantile: all at or above the quantile (TRL).",
    ),
  denominator: z
    .enum(["kept", "all"])
    .default("kept")
    .describe(
      "The masked sum is divided by the kept tokens (the paper's v2) or by all (TRL).",
    ),
});

const optimizer = z.strictObject({
  learningRate: z
    .number()
    .positive()
    .max(10)
    .default(1e-3)
    .describe("Peak learning rate of AdamW. The paper, full weights: 1e-6."),
  schedule: z
    .enum(["constant", "cosine", "linear"])
    .default("constant")
    .describe("After the warm-up. TRL: `lr_scheduler_type`."),
  warmupSteps: count(0)
    .default(0)
    .describe("Steps of linear warm-up. TRL: `warmup_steps`."),
  weightDecay: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .describe("Decoupled weight decay."),
  maxGradNorm: z
    .number()
    .min(0)
    .default(1)
    .describe(
      "Clips the global norm of the gradient; 0 is off. TRL: `max_grad_norm`.",
    ),
  beta1: z.number().min(0).lt(1).default(0.9).describe("TRL: `adam_beta1`."),
  beta2: z.number().min(0).lt(1).default(0.999).describe("TRL: `adam_beta2`."),
  epsilon: z.number().positive().default(1e-8).describe("TRL: `adam_epsilon`."),
});

const evaluation = z.strictObject({
  every: count(0)
    .default(10)
    .describe(
      "Steps between evaluations on the held-out sets, also before the first and after the last; 0 is never.",
    ),
  samples: count(1, 1024)
    .default(1)
    .describe("Completions per problem; accuracy is their mean."),
  limit: count(1)
    .default(200)
    .describe("At most so many problems of each set, its first ones."),
  temperature: z
    .number()
    .min(0)
    .max(100)
    .default(1)
    .describe("0 takes the most probable token."),
});

const analysis = z.strictObject({
  every: count(0)
    .default(10)
    .describe(
      "Steps between comparisons with the base model on the same texts: overlap of forking positions, change of entropy by bin ([80/20] Fig. 6 and 7); 0 is never.",
    ),
  rollouts: count(1, 4096)
    .default(32)
    .describe("So many rollouts of the step are compared."),
});

const checkpoints = z.strictObject({
  every: count(0)
    .default(10)
    .describe(
      "Steps between checkpoints that are kept; 0 keeps only the last. The state to resume from is saved after every step.",
    ),
  keep: count(1)
    .default(5)
    .describe(
      "Kept checkpoints; older ones are deleted. TRL: `save_total_limit`.",
    ),
});

/** A run file, checked. */
export const runSettings = z
  .strictObject({
    name: z
      .string()
      .min(1)
      .max(200)
      .optional()
      .describe("Shown in the list of runs; the file's name where left out."),
    engine: z
      .enum(ENGINES)
      .default("embedded")
      .describe(
        "What trains. embedded: llama.cpp in Forksight's own process. trl: TRL on this machine. ray: TRL on a Ray cluster.",
      ),
    trl: trl.optional().describe("For the engines trl and ray: how TRL runs."),
    ray: ray
      .optional()
      .describe("For the engine ray: what the job asks of the cluster."),
    model: path.describe(
      "Base model: a GGUF file; for the engines trl and ray also a Hugging Face folder or id. Paths are relative to this file.",
    ),
    adapter: adapter.prefault({}).describe("LoRA."),
    data: data.describe("Training and held-out data."),
    reward: reward.prefault({}).describe("What is rewarded."),
    rollout: rollout.prefault({}).describe("Sampling of rollouts."),
    objective: objective.prefault({}).describe("What is minimised."),
    mask: mask
      .prefault({})
      .describe("Which tokens carry the gradient: [80/20] Eq. 6."),
    optimizer: optimizer.prefault({}).describe("AdamW."),
    steps: count(1, 1e7)
      .default(60)
      .describe(
        "Steps: each samples rollouts and trains on them. TRL: `max_steps`.",
      ),
    miniBatches: count(1, 4096)
      .default(1)
      .describe(
        "Updates per step, each on its share of the rollouts; from the second on they are off-policy. The paper: 16. TRL: `steps_per_generation`.",
      ),
    microBatchTokens: count(1, 1e8)
      .default(4096)
      .describe(
        "Tokens (padding included) that pass through the model at once; bounds the memory. verl: `ppo_max_token_len_per_gpu`.",
      ),
    parallel: count(1, 4096)
      .default(32)
      .describe(
        "Rollouts sampled at once; bounds the memory of their KV cache. vLLM: `max_num_seqs`.",
      ),
    eval: evaluation.prefault({}).describe("Held-out accuracy."),
    analysis: analysis.prefault({}).describe("Comparison with the base model."),
    checkpoints: checkpoints.prefault({}).describe("What is kept on disk."),
    loggedRollouts: count(0)
      .default(64)
      .describe(
        "Rollouts of each step that are written to rollouts/step-N.jsonl, whole groups from the first.",
      ),
    threads: count(0, 1024)
      .default(0)
      .describe("CPU threads; 0 takes the physical cores."),
    gpu: z
      .enum(["auto", "cuda", "vulkan", "metal", "off"])
      .default("auto")
      .describe("Where the model runs."),
    seed: count(0, 2 ** 32 - 1)
      .default(1)
      .describe("Every random draw follows from it."),
  })
  .superRefine((value, context) => {
    const issue = (at: string[], message: string) =>
      context.addIssue({ code: "custom", path: at, message });
    const { rollout: r, objective: o } = value;
    if (o.loss !== "sft" && r.groupSize < 2)
      issue(["rollout", "groupSize"], "a group needs at least 2 rollouts");
    const sequences =
      o.loss === "sft" ? r.promptsPerStep : r.promptsPerStep * r.groupSize;
    if (value.miniBatches > sequences)
      issue(
        ["miniBatches"],
        `a step has ${sequences} sequences, too few for ${value.miniBatches} mini-batches`,
      );
    if (o.loss === "sft" && o.dynamicSampling)
      issue(
        ["objective", "dynamicSampling"],
        "has no meaning with `loss: sft`, which samples no rollouts",
      );
  });

/** Resolved settings: every default filled in. */
export type RunSettings = z.output<typeof runSettings>;
