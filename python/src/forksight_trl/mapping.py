"""From a run file's settings to TRL's: one table, and what TRL cannot express, each by its name.

| run file                          | TRL, transformers, PEFT                                                           |
|-----------------------------------|-----------------------------------------------------------------------------------|
| adapter.rank, alpha, targets      | LoraConfig r, lora_alpha, target_modules; no dropout                              |
| rollout.promptsPerStep, groupSize | num_generations = groupSize; the step's rollouts = processes x                    |
|                                   | per_device_train_batch_size x steps_per_generation                                |
| rollout.maxTokens                 | max_completion_length                                                             |
| rollout.temperature, topP, topK   | temperature, top_p, top_k                                                         |
| rollout.minP                      | min_p                                                                             |
| objective.loss                    | loss_type; sft is refused                                                         |
| objective.clipLow, clipHigh       | epsilon, epsilon_high                                                             |
| objective.beta                    | beta; use_bias_correction_kl off (below)                                          |
| objective.entropyCoefficient      | by an override, unmasked; TRL's own entropy_coef is masked                        |
| objective.scaleRewards            | scale_rewards                                                                     |
| objective.dynamicSampling         | refused                                                                           |
| objective.overlong                | get_soft_overlong_punishment as a second reward function                          |
| mask.kind, rho, rule              | top_entropy_quantile = rho; get_high_entropy_mask: TRL's own for top by quantile, |
|                                   | an override for the rest                                                          |
| mask.pool                         | by an override: a pass before the update where a pool is more than one call       |
| mask.denominator                  | all: TRL's own. kept: by an override (masks weighted)                             |
| optimizer.*                       | learning_rate, lr_scheduler_type, warmup_steps, weight_decay, max_grad_norm       |
|                                   | (0: a bound that is never met), adam_beta1, adam_beta2, adam_epsilon              |
| steps, miniBatches                | max_steps = steps x miniBatches; steps_per_generation = miniBatches x             |
|                                   | gradient_accumulation_steps, so that a step is one generation                     |
| microBatchTokens                  | gradient_accumulation_steps: the fewest with which a call stays within it         |
| parallel                          | rollouts generated at once, by an override; vLLM schedules by itself              |
| eval, analysis, checkpoints,      | by the trainer of this package; save_steps = miniBatches                          |
| loggedRollouts                    |                                                                                   |
| threads, gpu, seed                | torch.set_num_threads, use_cpu, seed                                              |
| trl.precision, vllm, tensorboard  | bf16, use_vllm, report_to                                                         |

A call of the loss sees one micro-batch of every process. TRL takes the threshold over that; `pool: micro-batch` is the
same here. The authors' micro-batch is one process's. The order of rollouts within a step is TRL's: shuffled within each
process before it is cut into mini-batches.

Denominators. TRL's dapo divides each mini-batch by the step's response tokens over the number of mini-batches, masked
tokens included (`all`). `kept`, the paper's v2, divides by the mini-batch's kept tokens over all processes: at rho = 0.2
a gradient five times as large. The KL term stays a mean over all tokens.

KL. TRL multiplies its estimate by the ratio of importance unless it is told not to (DeepSeek-V3.2), which changes the
gradient even on-policy. A run file's `beta` weighs the plain estimate of GRPO, with every engine.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import RunError
from .model import Device
from .schema import run_schema
from .settings import Settings, Trl

# Larger than any norm that a run survives: clipping is off, and the norm is still measured.
_NO_CLIPPING = 1e30


@dataclass(frozen=True)
class Batching:
    """How a step's rollouts are shared out."""

    processes: int
    mini_batches: int
    accumulation: int
    """Micro-batches of a mini-batch, in one process."""
    per_device: int
    """Rollouts of a micro-batch, in one process."""


def check_expressible(settings: Settings) -> list[str]:
    """Warnings, a sentence each. Raises RunError, naming each setting that TRL cannot do."""
    refused: list[str] = []
    warned: list[str] = []
    if settings.objective.loss == "sft":
        refused.append("objective.loss: sft samples no rollouts, and TRL's GRPOTrainer does nothing else")
    if settings.objective.dynamic_sampling:
        refused.append("objective.dynamicSampling: TRL has no replacement of groups with equal rewards")
    if settings.reward.kind == "javascript":
        refused.append("reward.kind: javascript runs in Node.js; for TRL write the reward in Python")
    if refused:
        raise RunError("; ".join(refused) + ". Change these, or set engine: embedded.")
    warned += _ignored(settings)
    if settings.trl.vllm and not uses_vllm(settings):
        warned.append("trl.vllm: vLLM is not installed here, so transformers samples the rollouts")
    elif settings.trl.vllm:
        warned.append("parallel is not used: vLLM decides by itself how many rollouts it samples at once")
    if settings.trl.tensorboard and not writes_tensorboard(settings):
        warned.append("trl.tensorboard: TensorBoard is not installed here, so there will be no event files")
    return warned


def _ignored(settings: Settings) -> list[str]:
    """What is set and has no effect, as core/run/ignoredSettings.ts; a default counts as not set."""
    reward, ignored = settings.reward, []
    own = reward.kind == "python"
    if settings.engine == "trl" and "ray" in settings.raw:
        ignored.append("ray: not used: it is for the engine ray")
    if settings.engine == "ray" and settings.trl.processes != Trl.processes:
        ignored.append("trl.processes: not used: with the engine ray, ray.workers counts the processes")
    if not settings.objective.dynamic_sampling and _differs(settings, "objective", "maxResamples"):
        ignored.append("objective.maxResamples: not used without objective.dynamicSampling")
    if own and _differs(settings, "reward", "python"):
        ignored.append("reward.python: not used: the reward runs in the trainer's own Python")
    if not own:
        for name in ("file", "timeoutSeconds", "python"):
            if _differs(settings, "reward", name):
                ignored.append(f"reward.{name}: not used: the reward {reward.kind} is built in")
    return ignored


def _differs(settings: Settings, section: str, name: str) -> bool:
    """Whether a setting is there and is not the default."""
    default = run_schema()["properties"][section]["properties"][name].get("default")
    return bool(settings.raw[section].get(name, default) != default)


def uses_vllm(settings: Settings) -> bool:
    """Whether vLLM samples: asked for and installed."""
    return settings.trl.vllm and importlib.util.find_spec("vllm") is not None


def writes_tensorboard(settings: Settings) -> bool:
    """Whether event files are written: asked for and installed."""
    return settings.trl.tensorboard and importlib.util.find_spec("tensorboard") is not None


def plan_batches(settings: Settings, processes: int, longest_prompt: int) -> Batching:
    """Divides a step. `longest_prompt`: tokens. Raises RunError where the numbers do not divide."""
    parts = processes * settings.mini_batches
    if settings.sequences % parts:
        raise RunError(
            f"rollout: a step's {settings.sequences} rollouts (promptsPerStep x groupSize) do not divide into "
            f"{processes} processes x {settings.mini_batches} mini-batches, which TRL needs."
        )
    local = settings.sequences // parts
    length = longest_prompt + settings.rollout.max_tokens
    accumulation = next(
        (n for n in range(1, local + 1) if local % n == 0 and local // n * length <= settings.micro_batch_tokens), local
    )
    return Batching(processes, settings.mini_batches, accumulation, local // accumulation)


def grpo_arguments(
    settings: Settings, batching: Batching, device: Device, scratch: Path, stop_ids: list[int]
) -> dict[str, Any]:
    """Arguments of trl.GRPOConfig.

    scratch: where TRL writes checkpoints before they are renamed. stop_ids: tokens at which a completion ends.
    """
    rollout, objective, optimizer = settings.rollout, settings.objective, settings.optimizer
    on_cpu = device.kind == "cpu"
    return {
        "output_dir": str(scratch),
        "max_steps": settings.steps * settings.mini_batches,
        "per_device_train_batch_size": batching.per_device,
        "gradient_accumulation_steps": batching.accumulation,
        "steps_per_generation": batching.accumulation * batching.mini_batches,
        "num_generations": rollout.group_size,
        "max_completion_length": rollout.max_tokens,
        "temperature": rollout.temperature,
        "top_p": rollout.top_p or 1e-9,
        "top_k": rollout.top_k,
        "min_p": rollout.min_p or None,
        "loss_type": objective.loss,
        "epsilon": objective.clip_low,
        "epsilon_high": objective.clip_high,
        "beta": objective.beta,
        "use_bias_correction_kl": False,
        "scale_rewards": objective.scale_rewards,
        "top_entropy_quantile": settings.mask.rho if settings.mask.kind == "top" else 1.0,
        "learning_rate": optimizer.learning_rate,
        "lr_scheduler_type": optimizer.schedule,
        "warmup_steps": optimizer.warmup_steps,
        "weight_decay": optimizer.weight_decay,
        "max_grad_norm": optimizer.max_grad_norm or _NO_CLIPPING,
        "adam_beta1": optimizer.beta1,
        "adam_beta2": optimizer.beta2,
        "adam_epsilon": optimizer.epsilon,
        "bf16": device.bf16,
        "use_cpu": on_cpu,
        "dataloader_pin_memory": not on_cpu,
        "gradient_checkpointing": not on_cpu,
        "use_vllm": uses_vllm(settings),
        "vllm_mode": "colocate",
        "generation_kwargs": {"stop_token_ids" if uses_vllm(settings) else "eos_token_id": stop_ids},
        # The prompts come in the order of the run's own stream.
        "shuffle_dataset": False,
        "remove_unused_columns": False,
        "logging_strategy": "steps",
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "save_strategy": "steps",
        "save_steps": settings.mini_batches,
        "report_to": ["tensorboard"] if writes_tensorboard(settings) else [],
        "disable_tqdm": True,
        "seed": settings.seed % 2**31,
        "ddp_find_unused_parameters": False,
        "push_to_hub": False,
    }


def lora_arguments(settings: Settings) -> dict[str, Any]:
    """Arguments of peft.LoraConfig."""
    adapter = settings.adapter
    return {
        "r": adapter.rank,
        "lora_alpha": adapter.alpha,
        "target_modules": list(adapter.targets),
        "lora_dropout": 0.0,
        "bias": "none",
        "task_type": "CAUSAL_LM",
    }
