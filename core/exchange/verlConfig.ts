/**
 * A run file as a configuration of verl: of the paper authors' fork, whose `actor_rollout_ref.actor.entropy_top_ratio`
 * is the mask (Shenzhi-Wang/Beyond-the-80-20-Rule-RLVR, verl/workers/actor/dp_actor.py), trained by its recipe.dapo.
 */
import type { RunSettings } from "../run/settings";
import { type Entry, nestedYaml } from "./commentedYaml";
import { FormatError } from "./formatError";

/** The authors' longest prompt, in tokens (run_only_top20_high_entropy_tokens_dapo_qwen3_14b.sh): run files have none. */
const PROMPT_TOKENS = 2048;
/** Theirs too: where verl clips the loss of negative advantages from below. */
const DUAL_CLIP = 10;
/** verl's gradient is always clipped; this never is. */
const NO_CLIPPING = 1e9;

/**
 * @param settings with absolute paths
 * @param name what the run is called
 * @returns YAML: a primary configuration for Hydra
 * @throws FormatError for `loss: sft`, which is no reinforcement learning
 */
export function verlConfiguration(settings: RunSettings, name: string): string {
  if (settings.objective.loss === "sft")
    throw new FormatError(
      "a run with `loss: sft` samples no rollouts: verl has another trainer for that, and this exports for its reinforcement learning",
    );
  const entries: Entry[] = [
    ...dataEntries(settings),
    ...algorithmEntries(settings),
    ...rewardEntries(settings),
    ...modelEntries(settings),
    ...actorEntries(settings),
    ...optimizerEntries(settings),
    ...rolloutEntries(settings),
    ...trainerEntries(settings, name),
  ];
  return `${HEAD}\n${nestedYaml(entries)}`;
}

/** Only a primary configuration may have hydra.searchpath: so it cannot build on dapo_trainer, which has one, and carries that one's keys. */
const HEAD = `# Made by Forksight from a run file. For the authors' fork of verl (github.com/Shenzhi-Wang/Beyond-the-80-20-Rule-RLVR):
# verl itself has no entropy_top_ratio and refuses it. Comments say where verl differs from Forksight.
#
# Save it as NAME.yaml and start it in the fork's folder:
#   python3 -m recipe.dapo.main_dapo --config-path FOLDER_OF_THIS_FILE --config-name NAME
hydra:
  searchpath:
    - file://verl/trainer/config
defaults:
  - ppo_trainer
  - _self_
`;

function dataEntries(settings: RunSettings): Entry[] {
  const { data, rollout, seed, eval: evaluation } = settings;
  const sets = Object.values(data.eval);
  return [
    [
      "data.train_files",
      parquetOf(data.train),
      `Parquet with prompt (messages), data_source and reward_model.ground_truth; to be made of ${data.train}`,
    ],
    [
      "data.val_files",
      (sets.length > 0 ? sets : [data.train]).map(parquetOf),
      sets.length > 0
        ? "made alike"
        : "the run file has no held-out set, and verl needs one: these are the training problems",
    ],
    ["data.prompt_key", "prompt"],
    [
      "data.max_prompt_length",
      PROMPT_TOKENS,
      "run files have no limit; this is the authors'",
    ],
    ["data.max_response_length", rollout.maxTokens],
    ["data.train_batch_size", rollout.promptsPerStep],
    [
      "data.gen_batch_size",
      rollout.promptsPerStep,
      "the authors: three times as many, for dynamic sampling",
    ],
    ["data.seed", seed, "other random numbers than Forksight's all the same"],
    ["data.val_max_samples", evaluation.limit, "of all sets together"],
  ];
}

function algorithmEntries({ objective }: RunSettings): Entry[] {
  const { scaleRewards, dynamicSampling, maxResamples } = objective;
  return [
    ["algorithm.adv_estimator", "grpo"],
    [
      "algorithm.norm_adv_by_std_in_grpo",
      scaleRewards !== "none",
      scaleRewards === "batch"
        ? "DIFFERS: verl divides by the group's deviation, never by the batch's (scaleRewards: batch)"
        : undefined,
    ],
    ["algorithm.use_kl_in_reward", false],
    ["algorithm.kl_ctrl.kl_coef", 0],
    [
      "algorithm.filter_groups._target_",
      "verl.trainer.config.FilterGroupsConfig",
    ],
    ["algorithm.filter_groups.enable", dynamicSampling],
    [
      "algorithm.filter_groups.metric",
      "seq_final_reward",
      "groups whose rewards are all equal, as in Forksight; the authors: acc",
    ],
    [
      "algorithm.filter_groups.max_num_gen_batches",
      maxResamples + 1,
      "where these do not fill a step, verl ends with an error; Forksight fills it up",
    ],
  ];
}

function rewardEntries({ objective, reward, rollout }: RunSettings): Entry[] {
  const { overlong } = objective;
  const own =
    reward.kind === "maths"
      ? "null takes verl's own by data_source; math_dapo judges boxed answers"
      : `the run file's reward is ${reward.kind}${reward.file === undefined ? "" : ` (${reward.file})`}: name a Python file with compute_score(data_source, solution_str, ground_truth, extra_info)`;
  const ends =
    overlong && overlong.maximum !== rollout.maxTokens
      ? `DIFFERS: verl's penalty reaches -1 at max_response_length (${rollout.maxTokens}), the run file's at ${overlong.maximum}`
      : undefined;
  return [
    ["reward_model.reward_manager", "dapo"],
    ["reward_model.overlong_buffer.enable", overlong !== undefined],
    ["reward_model.overlong_buffer.len", overlong?.cache ?? 0, ends],
    ["reward_model.overlong_buffer.penalty_factor", overlong ? 1 : 0],
    ["reward_model.overlong_buffer.log", false],
    [
      "custom_reward_function.path",
      reward.kind === "maths" ? null : "???",
      own,
    ],
    ["custom_reward_function.name", "compute_score"],
  ];
}

function modelEntries({ model, adapter }: RunSettings): Entry[] {
  const isGguf = /\.gguf$/i.test(model);
  return [
    [
      "actor_rollout_ref.model.path",
      isGguf ? "???" : model,
      isGguf
        ? `a Hugging Face folder or id: the model that ${model} was made of`
        : undefined,
    ],
    ["actor_rollout_ref.model.use_remove_padding", true],
    [
      "actor_rollout_ref.model.lora_rank",
      adapter.rank,
      "the paper trains all weights: 0",
    ],
    ["actor_rollout_ref.model.lora_alpha", adapter.alpha],
    ["actor_rollout_ref.model.target_modules", adapter.targets],
  ];
}

function actorEntries(settings: RunSettings): Entry[] {
  const { mask, objective, rollout, miniBatches, optimizer } = settings;
  const at = "actor_rollout_ref.actor";
  const prompts = rollout.promptsPerStep / miniBatches;
  const loss = objective.loss === "dapo" ? "token-mean" : "seq-mean-token-mean";
  return [
    [
      `${at}.entropy_top_ratio`,
      mask.kind === "top" ? mask.rho : null,
      maskComment(mask),
    ],
    [
      `${at}.ppo_mini_batch_size`,
      Math.max(1, Math.floor(prompts)),
      Number.isInteger(prompts)
        ? "prompts, not rollouts"
        : `DIFFERS: verl counts prompts, and ${rollout.promptsPerStep} do not divide into ${miniBatches} mini-batches`,
    ],
    [`${at}.ppo_epochs`, 1],
    [`${at}.use_dynamic_bsz`, true],
    [
      `${at}.ppo_max_token_len_per_gpu`,
      Math.max(settings.microBatchTokens, PROMPT_TOKENS + rollout.maxTokens),
      "no less than the longest sequence; the micro-batch, and so what the mask is taken over",
    ],
    [`${at}.clip_ratio`, objective.clipLow],
    [`${at}.clip_ratio_low`, objective.clipLow],
    [`${at}.clip_ratio_high`, objective.clipHigh],
    [
      `${at}.clip_ratio_c`,
      DUAL_CLIP,
      "the authors'; Forksight has no such limit on the loss of negative advantages",
    ],
    [
      `${at}.loss_agg_mode`,
      loss,
      "taken within each micro-batch, and these weighted by their sequences; in Forksight over the mini-batch",
    ],
    [`${at}.entropy_coeff`, objective.entropyCoefficient],
    [`${at}.use_kl_loss`, objective.beta > 0],
    [`${at}.kl_loss_coef`, objective.beta],
    [`${at}.kl_loss_type`, "low_var_kl"],
    [
      `${at}.grad_clip`,
      optimizer.maxGradNorm === 0 ? NO_CLIPPING : optimizer.maxGradNorm,
      optimizer.maxGradNorm === 0 ? "maxGradNorm is 0: off" : undefined,
    ],
  ];
}

/** What is not as in the run file's `mask`. */
function maskComment(mask: RunSettings["mask"]): string {
  if (mask.kind === "all") return "null: all tokens carry the gradient";
  if (mask.kind !== "top")
    return `DIFFERS: the fork has no mask \`${mask.kind}\`, and all tokens would carry the gradient`;
  const differences = [
    ...(mask.pool === "micro-batch"
      ? []
      : [`the run file's over the ${mask.pool}`]),
    ...(mask.rule === "exact" ? [] : ["the run file's by quantile"]),
    ...(mask.denominator === "kept"
      ? []
      : ["the run file's sum is divided by all tokens"]),
  ];
  const fork =
    "exactly the top share of each GPU's micro-batch, the loss divided by the kept tokens";
  return [fork, ...differences].join("; ");
}

function optimizerEntries({ optimizer }: RunSettings): Entry[] {
  const at = "actor_rollout_ref.actor.optim";
  const { schedule, epsilon } = optimizer;
  return [
    [`${at}.lr`, optimizer.learningRate, "the paper, all weights: 1e-6"],
    [`${at}.lr_warmup_steps`, optimizer.warmupSteps],
    [
      `${at}.lr_scheduler_type`,
      schedule === "cosine" ? "cosine" : "constant",
      schedule === "linear"
        ? "DIFFERS: verl has constant and cosine, and not the run file's linear"
        : undefined,
    ],
    [`${at}.weight_decay`, optimizer.weightDecay],
    [`${at}.betas`, [optimizer.beta1, optimizer.beta2]],
    ...(epsilon === 1e-8
      ? []
      : [[`${at}.override_optimizer_config.eps`, epsilon] as Entry]),
  ];
}

function rolloutEntries(settings: RunSettings): Entry[] {
  const { rollout, eval: evaluation, parallel } = settings;
  const at = "actor_rollout_ref.rollout";
  return [
    [`${at}.name`, "vllm"],
    [`${at}.load_format`, "safetensors", "LoRA needs it"],
    [`${at}.n`, rollout.groupSize],
    [`${at}.temperature`, rollout.temperature],
    [`${at}.top_p`, rollout.topP],
    [
      `${at}.top_k`,
      rollout.topK === 0 ? -1 : rollout.topK,
      rollout.minP > 0
        ? `DIFFERS: verl has no minP, which the run file sets to ${rollout.minP}`
        : undefined,
    ],
    [`${at}.max_num_seqs`, parallel],
    [`${at}.tensor_model_parallel_size`, 1],
    [`${at}.val_kwargs.n`, evaluation.samples],
    [`${at}.val_kwargs.temperature`, evaluation.temperature],
    [`${at}.val_kwargs.do_sample`, evaluation.temperature > 0],
  ];
}

function trainerEntries(settings: RunSettings, name: string): Entry[] {
  const { steps, eval: evaluation, checkpoints } = settings;
  const orNever = (every: number) => (every === 0 ? -1 : every);
  return [
    ["trainer.project_name", "forksight"],
    ["trainer.experiment_name", name],
    ["trainer.total_training_steps", steps],
    ["trainer.total_epochs", steps, "enough that the number of steps decides"],
    ["trainer.val_before_train", evaluation.every > 0],
    ["trainer.test_freq", orNever(evaluation.every)],
    [
      "trainer.save_freq",
      orNever(checkpoints.every),
      checkpoints.every === 0
        ? "DIFFERS: -1 keeps nothing, and the run file's 0 the last one"
        : undefined,
    ],
    ["trainer.max_actor_ckpt_to_keep", checkpoints.keep],
    ["trainer.logger", ["console", "tensorboard"]],
    [
      "trainer.rollout_data_dir",
      "rollouts/${trainer.experiment_name}",
      "Forksight: Import Runs reads them, and TensorBoard's event files",
    ],
    ["trainer.nnodes", 1, "machines"],
    ["trainer.n_gpus_per_node", 1],
  ];
}

/** The data set as verl reads it, beside the one that Forksight reads. */
function parquetOf(path: string): string {
  return path.replace(/\.(jsonl|ndjson|json)$/i, "") + ".parquet";
}
