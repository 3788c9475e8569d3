"""The settings of a run, typed: what core/run/settings.ts says, with Python's names."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass, field
from typing import Any, Literal, get_args, get_origin, get_type_hints


@dataclass(frozen=True)
class Adapter:
    rank: int
    alpha: float
    targets: list[str]


@dataclass(frozen=True)
class Data:
    train: str
    eval: dict[str, str]


@dataclass(frozen=True)
class Reward:
    kind: Literal["countdown", "exact", "maths", "javascript", "python"]
    timeout_seconds: float
    python: str
    file: str | None = None


@dataclass(frozen=True)
class Rollout:
    prompts_per_step: int
    group_size: int
    max_tokens: int
    temperature: float
    top_p: float
    top_k: int
    min_p: float


@dataclass(frozen=True)
class Overlong:
    maximum: int
    cache: int


@dataclass(frozen=True)
class Objective:
    loss: Literal["dapo", "grpo", "sft"]
    clip_low: float
    clip_high: float
    beta: float
    entropy_coefficient: float
    scale_rewards: Literal["group", "batch", "none"]
    dynamic_sampling: bool
    max_resamples: int
    overlong: Overlong | None = None


@dataclass(frozen=True)
class Mask:
    kind: Literal["all", "top", "bottom", "random"]
    rho: float
    pool: Literal["micro-batch", "mini-batch", "batch"]
    rule: Literal["exact", "quantile"]
    denominator: Literal["kept", "all"]


@dataclass(frozen=True)
class Optimizer:
    learning_rate: float
    schedule: Literal["constant", "cosine", "linear"]
    warmup_steps: int
    weight_decay: float
    max_grad_norm: float
    beta1: float
    beta2: float
    epsilon: float


@dataclass(frozen=True)
class Evaluation:
    every: int
    samples: int
    limit: int
    temperature: float


@dataclass(frozen=True)
class Analysis:
    every: int
    rollouts: int


@dataclass(frozen=True)
class Checkpoints:
    every: int
    keep: int


@dataclass(frozen=True)
class Trl:
    processes: int = 1
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    vllm: bool = False
    tensorboard: bool = False


@dataclass(frozen=True)
class Settings:
    """A run file, checked, its paths absolute. `raw` is what run.json records."""

    engine: Literal["embedded", "trl", "ray"]
    model: str
    adapter: Adapter
    data: Data
    reward: Reward
    rollout: Rollout
    objective: Objective
    mask: Mask
    optimizer: Optimizer
    steps: int
    mini_batches: int
    micro_batch_tokens: int
    parallel: int
    eval: Evaluation
    analysis: Analysis
    checkpoints: Checkpoints
    logged_rollouts: int
    threads: int
    gpu: Literal["auto", "cuda", "vulkan", "metal", "off"]
    seed: int
    trl: Trl = field(default_factory=Trl)
    name: str | None = None
    raw: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def sequences(self) -> int:
        """Rollouts of a step, over all processes."""
        return self.rollout.prompts_per_step * self.rollout.group_size


def settings_of(raw: dict[str, Any]) -> Settings:
    """Typed settings of checked ones (schema.py), whose names are camelCase."""
    built: Settings = _build(Settings, raw)
    return dataclasses.replace(built, raw=raw)


def _build(kind: Any, raw: dict[str, Any]) -> Any:
    hints = get_type_hints(kind)
    known = {one.name for one in dataclasses.fields(kind)}
    values: dict[str, Any] = {}
    for name, value in raw.items():
        snake = re.sub(r"([A-Z])", lambda match: "_" + match.group(1).lower(), name)
        if snake not in known:
            continue
        inner = _dataclass_in(hints[snake])
        values[snake] = _build(inner, value) if inner and isinstance(value, dict) else value
    return kind(**values)


def _dataclass_in(hint: Any) -> Any:
    if dataclasses.is_dataclass(hint):
        return hint
    if get_origin(hint) is None:
        return None
    return next((one for one in get_args(hint) if dataclasses.is_dataclass(one)), None)
