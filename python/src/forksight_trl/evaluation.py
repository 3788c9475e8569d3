"""Accuracy on held-out sets, and the comparison with the base model; every process takes its share."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import torch
from accelerate.utils import gather_object
from torch import Tensor
from transformers import GenerationConfig
from trl.models import unwrap_model_for_generation

from .data import Problem
from .masks import top_count
from .rewards import Judge
from .seeds import derive_seed
from .settings import Settings

if TYPE_CHECKING:
    from .trainer import MaskedGRPOTrainer

# Bins of base entropy, 5 % of the tokens each, as in [80/20] Fig. 7.
_BINS = 20
# Of the forking positions where the run's mask has no cut of its own (rho = 1).
_PAPER_RHO = 0.2


def evaluate(
    trainer: MaskedGRPOTrainer, settings: Settings, sets: dict[str, list[Problem]], judge: Judge
) -> dict[str, float]:
    """`eval/<set>/accuracy` and `eval/<set>/mean_length` (tokens), without any overlong penalty.

    The random numbers are the same at every evaluation of a run, so that two evaluations differ by the policy alone.
    """
    accelerator = trainer.accelerator
    metrics: dict[str, float] = {}
    was_training = trainer.model.training
    trainer.model.eval()
    with torch.random.fork_rng():
        for number, (name, problems) in enumerate(sets.items()):
            asked = [problem for problem in problems for _ in range(settings.eval.samples)]
            own = asked[accelerator.process_index :: accelerator.num_processes]
            torch.manual_seed(derive_seed(settings.seed, number, "evaluate", accelerator.process_index))
            ids = _complete(trainer, settings, own, name)
            texts = trainer.processing_class.batch_decode(ids, skip_special_tokens=True)
            rewards = judge(own, texts, ids) if own else []
            scored = gather_object([(reward, len(one)) for reward, one in zip(rewards, ids, strict=True)])
            metrics[f"eval/{name}/accuracy"] = sum(reward for reward, _ in scored) / len(scored)
            metrics[f"eval/{name}/mean_length"] = sum(length for _, length in scored) / len(scored)
    trainer.model.train(was_training)
    return metrics


def _complete(trainer: MaskedGRPOTrainer, settings: Settings, problems: list[Problem], name: str) -> list[list[int]]:
    tokenizer = trainer.processing_class
    temperature = settings.eval.temperature
    choice: dict[str, Any] = {"do_sample": False}
    if temperature > 0:
        rollout = settings.rollout
        choice = {
            "do_sample": True,
            "temperature": temperature,
            "top_p": rollout.top_p or 1e-9,
            "top_k": rollout.top_k,
            "min_p": rollout.min_p or None,
        }
    kwargs = {
        "max_new_tokens": settings.rollout.max_tokens,
        "pad_token_id": tokenizer.pad_token_id,
        "eos_token_id": trainer.stop_ids,
        **choice,
    }
    config = GenerationConfig(**kwargs, disable_compile=True)
    at_once = max(1, settings.parallel // trainer.accelerator.num_processes)
    completions: list[list[int]] = []
    with (
        unwrap_model_for_generation(trainer.model_wrapped, trainer.accelerator, generation_kwargs=kwargs) as model,
        torch.no_grad(),
    ):
        for start in range(0, len(problems), at_once):
            trainer.board.doing("evaluate", f"evaluating {name}", start / len(problems))
            prompts, _, _ = trainer._tokenize_prompts([one.prompt for one in problems[start : start + at_once]])
            batch = tokenizer.pad({"input_ids": prompts}, return_tensors="pt").to(trainer.accelerator.device)
            generated = model.generate(**batch, generation_config=config)[:, batch["input_ids"].size(1) :]
            completions += [trainer.ended(one) for one in generated.tolist()]
    return completions


def compare_with_base(trainer: MaskedGRPOTrainer, settings: Settings) -> dict[str, Any]:
    """`compare/overlap` and `compare/entropy_change` of the step's first rollouts: the policy against the adapter off."""
    trainer.board.doing("compare", "comparing with the base model")
    texts = [
        (trainer.problem_prompts[one.problem], one.ids)
        for one in trainer.record.rollouts
        if one.index < settings.analysis.rollouts and one.ids
    ]
    model = trainer.accelerator.unwrap_model(trainer.model)
    current = _entropies(trainer, model, texts)
    with model.disable_adapter():
        base = _entropies(trainer, model, texts)
    both = gather_object([(base, current)])
    base = torch.cat([one for one, _ in both])
    current = torch.cat([one for _, one in both])
    if base.numel() == 0:
        return {}
    rho = settings.mask.rho if settings.mask.rho < 1 else _PAPER_RHO
    return {
        "compare/overlap": fork_overlap(base, current, rho),
        "compare/entropy_change": entropy_change_by_bin(base, current),
    }


def fork_overlap(base: Tensor, current: Tensor, rho: float) -> float:
    """Share of the base model's top-rho positions that are among the policy's too; ties go to the earlier position."""
    k = top_count(base.numel(), rho)
    tops = [set(torch.sort(one, descending=True, stable=True).indices[:k].tolist()) for one in (base, current)]
    return len(tops[0] & tops[1]) / k


def entropy_change_by_bin(base: Tensor, current: Tensor) -> list[float | None]:
    """Mean of (current - base), nats, by 5 % bin of base entropy, lowest first; None for a bin without tokens."""
    # Of equal ones the earlier stands higher, as in core/rl/compare.ts.
    order = torch.sort(base, descending=True, stable=True).indices.flip(0)
    change = (current.double() - base.double())[order]
    n = base.numel()
    bounds = [bin_ * n // _BINS for bin_ in range(_BINS + 1)]
    return [float(change[start:end].mean()) if end > start else None for start, end in itertools.pairwise(bounds)]


def _entropies(trainer: MaskedGRPOTrainer, model: Any, texts: list[tuple[Any, list[int]]]) -> Tensor:
    """Entropies of all completions' tokens, end to end: nats, shape [tokens]."""
    found: list[Tensor] = []
    pad_id = trainer.processing_class.pad_token_id
    device = trainer.accelerator.device
    size = trainer.batching.per_device
    was_training = model.training
    model.eval()
    for start in range(0, len(texts), size):
        part = texts[start : start + size]
        prompts, _, _ = trainer._tokenize_prompts([prompt for prompt, _ in part])
        before = max(len(one) for one in prompts)
        after = max(len(ids) for _, ids in part)
        rows = [
            [pad_id] * (before - len(prompt)) + prompt + ids + [pad_id] * (after - len(ids))
            for prompt, (_, ids) in zip(prompts, part, strict=True)
        ]
        real = [
            [0] * (before - len(prompt)) + [1] * (len(prompt) + len(ids)) + [0] * (after - len(ids))
            for prompt, (_, ids) in zip(prompts, part, strict=True)
        ]
        with torch.no_grad():
            entropies = trainer.entropies_of(
                model, torch.tensor(rows, device=device), torch.tensor(real, device=device), after
            )
        found += [entropies[row][: len(ids)].float().cpu() for row, (_, ids) in enumerate(part)]
    model.train(was_training)
    return torch.cat(found) if found else torch.zeros(0)
