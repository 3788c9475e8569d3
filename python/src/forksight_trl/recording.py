"""What a step was: its rollouts token by token, and its line of metrics under the names of core/run/folder.ts."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from .data import Problem
from .masks import top_count
from .settings import Settings

Line = dict[str, Any]

# Percentiles 0, 5, ..., 100.
_PERCENTS = torch.arange(0, 101, 5, dtype=torch.float64) / 100
# Of several mini-batches the last one's, not the mean.
_LAST = ("learning_rate", "num_tokens", "epoch")
# Found by this package in another way, or of no meaning here.
_DROPPED = (
    "step_time",
    "entropy",
    "reward_std",
    "reward",
    "frac_reward_zero_std",
    "completions/clipped_ratio",
    "epoch",
)


@dataclass
class RecordedRollout:
    """One rollout of this process."""

    index: int
    """Its place in the step, over all processes."""
    problem: int
    text: str
    ids: list[int]
    reward: float
    advantage: float
    clipped: bool
    entropy: Tensor | None = None
    """nats, shape [len(ids)], of the policy when the step's update began."""
    kept: Tensor | None = None
    """bool, shape [len(ids)]."""


@dataclass
class StepRecord:
    """One process's part of a step, filled while it goes on."""

    rollouts: list[RecordedRollout] = field(default_factory=list)
    rewards: Tensor | None = None
    """Of all processes, in the step's order, overlong penalty included."""
    tokens_before: int = 0
    """Tokens of prompts and completions of all steps before."""
    thresholds: list[float] = field(default_factory=list)
    logs: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    began: float = field(default_factory=time.perf_counter)
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def note_logs(self, logs: dict[str, Any]) -> None:
        """What TRL logged for one mini-batch."""
        for name, value in logs.items():
            if isinstance(value, int | float):
                self.logs[name].append(float(value))


def step_line(step: int, settings: Settings, record: StepRecord, everyone: list[RecordedRollout]) -> Line:
    """The step's line, without what is found only every n steps. `everyone`: rollouts of all processes."""
    total = record.seconds["total"]
    trl = {
        name: values[-1] if name in _LAST else _mean(values)
        for name, values in record.logs.items()
        if name not in _DROPPED and values
    }
    tokens = int(trl.pop("num_tokens", record.tokens_before))
    return {
        "step": step,
        "time": time.time(),
        **{name: trl.pop(name) for name in ("loss",) if name in trl},
        **_reward_metrics(record.rewards, settings.rollout.group_size),
        "completions/clipped_ratio": _mean([float(one.clipped) for one in everyone]),
        **entropy_metrics(everyone, settings.mask.rho),
        **({"entropy_mask/threshold": _mean(known)} if (known := _finite(record.thresholds)) else {}),
        **trl,
        "num_tokens": tokens,
        "tokens_per_second": (tokens - record.tokens_before) / total if total > 0 else None,
        "step_time": total,
        "step_time/rollout": record.seconds["rollout"],
        "step_time/score": record.seconds["score"],
        "step_time/update": max(0.0, total - record.seconds["rollout"] - record.seconds["score"]),
    }


def entropy_metrics(rollouts: list[RecordedRollout], rho: float) -> Line:
    """Forking and rest are the top rho of the step's tokens and the others, whatever the run's mask is: arms compare."""
    entropies = [one.entropy for one in rollouts if one.entropy is not None]
    if not entropies or not sum(one.numel() for one in entropies):
        return {}
    every = torch.cat(entropies).double().sort().values
    n = every.numel()
    k = top_count(n, rho)
    kept = sum(int(one.kept.sum()) for one in rollouts if one.kept is not None)
    at = _PERCENTS * (n - 1)
    low = at.floor().long()
    high = (low + 1).clamp(max=n - 1)
    percentiles = every[low] + (at - low) * (every[high] - every[low])
    return {
        "entropy": float(every.mean()),
        "entropy/forking": float(every[n - k :].mean()),
        **({"entropy/rest": float(every[: n - k].mean())} if k < n else {}),
        "entropy_mask/kept_fraction": kept / n,
        "entropy/percentiles": percentiles.tolist(),
    }


def rollout_lines(
    step: int, settings: Settings, problems: list[Problem], everyone: list[RecordedRollout]
) -> list[Line]:
    """Rollouts as they are written, whole groups from the first."""
    size = settings.rollout.group_size
    wanted = math.ceil(settings.logged_rollouts / size) * size
    lines: list[Line] = []
    for one in sorted(everyone, key=lambda rollout: rollout.index)[:wanted]:
        length = len(one.ids)
        entropy = one.entropy if one.entropy is not None else torch.zeros(length)
        kept = one.kept if one.kept is not None else torch.zeros(length)
        lines.append(
            {
                "step": step,
                "group": one.index // size,
                "prompt": problems[one.problem].prompt,
                "completion": one.text,
                "reward": one.reward,
                "advantage": one.advantage,
                "clipped": one.clipped,
                "tokens": {
                    "ids": one.ids,
                    # Five significant digits: what a colour or a reader can tell apart.
                    "entropy": [float(f"{nats:.5g}") for nats in entropy.tolist()],
                    "kept": kept.int().tolist(),
                },
            }
        )
    return lines


def summary(line: Line) -> str:
    """A step as a line of the log."""
    names = {"reward": "reward", "loss": "loss", "entropy": "entropy", "completions/mean_length": "length"}
    names["grad_norm"] = "grad_norm"
    names.update({name: name for name in line if name.startswith("eval/")})
    names["step_time"] = "seconds"
    parts = [f"{shown} {line[name]:#.3g}" for name, shown in names.items() if isinstance(line.get(name), int | float)]
    return f"step {line['step']}: {', '.join(parts)}"


def _reward_metrics(rewards: Tensor | None, group_size: int) -> Line:
    """reward_std is the mean over groups of the deviation within each; TRL's own is of the whole batch."""
    if rewards is None:
        return {}
    groups = rewards.double().cpu().view(-1, group_size)
    deviation = groups.std(dim=1)
    return {
        "reward": float(groups.mean()),
        "reward_std": float(deviation.mean()),
        "frac_reward_zero_std": float((deviation <= 1e-8).double().mean()),
    }


def _finite(values: list[float]) -> list[float]:
    return [one for one in values if math.isfinite(one)]


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else math.nan
