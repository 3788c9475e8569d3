"""TRL's GRPOTrainer with the run's mask, and with a record of every token's entropy.

What is overridden, and why:

- `get_high_entropy_mask`: TRL knows the top by quantile; exact top-k, bottom, random and other pools are ours.
- `_get_per_token_logps_and_entropies`: TRL throws the entropies away, and at `kind: all` never asks for the mask.
- `_generate_single_turn`: bounds the rollouts sampled at once, and ends a completion at every end of a turn.
- `_generate_and_score_completions`, `_prepare_inputs`, `_compute_loss`: follow a rollout through TRL's shuffling.
- `_save_checkpoint`: writes into the run folder, by rename.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from trl import GRPOTrainer

from .data import Prompt
from .mapping import Batching
from .masks import PoolMask, pool_mask
from .recording import RecordedRollout, StepRecord
from .seeds import derive_seed
from .settings import Settings
from .status import StatusBoard

# No entropy is negative: marks what only fills up a process's share.
_FILLER = -1e9


class MaskedGRPOTrainer(GRPOTrainer):  # type: ignore[misc]  # TRL ships no types
    """GRPO in which only masked tokens carry the gradient ([80/20] Eq. 6).

    `on_step`: called on every process after the last update of a step, with the number of steps done; it writes the
    checkpoint by calling `write_state`.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        batching: Batching,
        board: StatusBoard,
        stop_ids: list[int],
        problem_prompts: list[Prompt],
        on_step: Callable[[int], None],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.forksight = settings
        self.batching = batching
        self.board = board
        self.stop_ids = stop_ids
        self.problem_prompts = problem_prompts
        self.on_step = on_step
        self.record = StepRecord()
        self._inputs: dict[str, Any] = {}
        self._entropies: Tensor | None = None
        self._scoring: list[Tensor] | None = None
        self._planned: list[Tensor] | None = None
        self._kept_total: Tensor | None = None
        self._to_save: tuple[Any, Any] = (None, None)
        mask = settings.mask
        masked = mask.kind != "all" or (mask.denominator == "kept" and batching.mini_batches > 1)
        # Below 1 means to TRL that there is a mask to ask for.
        self.top_entropy_quantile = min(mask.rho, 1 - 1e-12) if masked else 1.0
        several = batching.accumulation > 1
        self._plans = masked and (
            (mask.pool == "batch" and batching.mini_batches > 1)
            or (several and (mask.pool != "micro-batch" or mask.denominator == "kept"))
        )

    # ------------------------------------------------------------------------------------------------ rollouts

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        self.board.doing("rollout", "sampling rollouts")
        step, rank = self.step_under_way, self.accelerator.process_index
        # Every draw follows from seed and step, so that a resumed run draws the same.
        torch.manual_seed(derive_seed(self.forksight.seed, step, "rollout", rank))
        self._scoring = []
        began, scored = time.perf_counter(), self.record.seconds["score"]
        output: dict[str, Any] = super()._generate_and_score_completions(inputs)
        took = time.perf_counter() - began - (self.record.seconds["score"] - scored)
        self.record.seconds["rollout"] += took
        if "old_per_token_logps" in output and self._scoring:
            # Of the policy when the step's update began; the first pass of TRL's is the one without the reference.
            output["forksight_entropy"] = self._scoring[0]
        self._scoring = None
        count = len(inputs)
        output["forksight_index"] = torch.arange(count)
        mask = output["completion_mask"].bool()
        rewards = self.record.rewards
        assert rewards is not None
        first = rank * count
        texts = self.processing_class.batch_decode(
            [ids[kept] for ids, kept in zip(output["completion_ids"], mask, strict=True)], skip_special_tokens=True
        )
        for i in range(count):
            ids = output["completion_ids"][i][mask[i]].tolist()
            self.record.rollouts.append(
                RecordedRollout(
                    index=first + i,
                    problem=inputs[i]["problem"],
                    text=texts[i],
                    ids=ids,
                    reward=float(rewards[first + i]),
                    advantage=float(output["advantages"][i]),
                    clipped=not ids or ids[-1] not in self.stop_ids,
                )
            )
        return output

    def _generate_single_turn(
        self, prompt_ids: list[list[int]], images: Any, multimodal_fields: Any, *rest: Any, **more: Any
    ) -> Any:
        if self.use_vllm:
            ids, logprobs = super()._generate_single_turn(prompt_ids, images, multimodal_fields, *rest, **more)
            return ids, logprobs
        at_once = max(1, self.forksight.parallel // self.accelerator.num_processes)
        completions: list[list[int]] = []
        for start in range(0, len(prompt_ids), at_once):
            self.board.doing("rollout", "sampling rollouts", start / len(prompt_ids))
            part = prompt_ids[start : start + at_once]
            ids, _ = super()._generate_single_turn(part, images, multimodal_fields, *rest, **more)
            completions += [self.ended(one) for one in ids]
        return completions, None

    def ended(self, ids: list[int]) -> list[int]:
        """A completion up to its first end of a turn."""
        end = next((i for i, token in enumerate(ids) if token in self.stop_ids), None)
        return ids if end is None else ids[: end + 1]

    def _calculate_rewards(self, *args: Any, **kwargs: Any) -> Tensor:
        rewards: Tensor = super()._calculate_rewards(*args, **kwargs)
        self.record.rewards = rewards.sum(dim=1)
        return rewards

    # ------------------------------------------------------------------------------------------------ masks

    def _prepare_inputs(self, generation_batch: Any) -> Any:
        inputs = super()._prepare_inputs(generation_batch)
        if self.model.training:
            if self._plans and self._step % self.batching.accumulation == 0:
                self._plan_masks()
            self.board.doing("update", "updating")
        return inputs

    def _plan_masks(self) -> None:
        """Masks of a mini-batch whose pools, or whose denominator, reach beyond one call of the loss."""
        self.board.doing("score", "scoring")
        began = time.perf_counter()
        size = self.batching.accumulation
        mini = self._step // size % self.batching.mini_batches
        whole = self.forksight.mask.pool == "batch"
        batches = self._buffered_inputs if whole else self._buffered_inputs[mini * size : (mini + 1) * size]
        entropies = [self._entropies_now(batch, at_start=mini == 0) for batch in batches]
        masks = [batch["completion_mask"] for batch in batches]
        if self.forksight.mask.pool == "micro-batch":
            planned = [self._mask_pool([one], [mask], mini * 65536 + i)[0] for i, (one, mask) in
                       enumerate(zip(entropies, masks, strict=True))]  # fmt: skip
        else:
            planned = self._mask_pool(entropies, masks, 0 if whole else mini * 65536)
        self._planned = planned[mini * size : (mini + 1) * size] if whole else planned
        self._kept_total = self._over_processes(sum(one.sum() for one in self._planned))
        self.record.seconds["score"] += time.perf_counter() - began

    def _entropies_now(self, batch: dict[str, Any], at_start: bool) -> Tensor:
        if at_start and "forksight_entropy" in batch:
            return batch["forksight_entropy"]  # type: ignore[no-any-return]
        with torch.no_grad():
            return self.entropies_of(
                self.model,
                torch.cat([batch["prompt_ids"], batch["completion_ids"]], dim=1),
                torch.cat([batch["prompt_mask"], batch["completion_mask"]], dim=1),
                batch["completion_ids"].size(1),
            )

    def entropies_of(self, model: Any, input_ids: Tensor, attention_mask: Tensor, length: int) -> Tensor:
        """Entropies of the last `length` positions by TRL's own arithmetic: nats, shape [rows, length]."""
        _, entropies, _ = super()._get_per_token_logps_and_entropies(
            model, input_ids, attention_mask, length, compute_entropy=True
        )
        return entropies  # type: ignore[no-any-return]

    def get_high_entropy_mask(self, entropies: Tensor, mask: Tensor, threshold: float) -> Tensor:
        """TRL's hook. Returns bool, or weights where the denominator is the kept tokens; shape as `entropies`."""
        entropies = entropies.detach()
        if self._planned is not None:
            kept = self._planned[self._step % self.batching.accumulation]
            total = self._kept_total
        else:
            mini = self._step // self.batching.accumulation % self.batching.mini_batches
            kept = self._mask_pool([entropies], [mask], mini * 65536 + self._step % self.batching.accumulation)[0]
            if self.forksight.mask.kind == "top" and self.forksight.mask.rule == "quantile":
                kept = super().get_high_entropy_mask(entropies, mask, threshold)
            total = self._over_processes(kept.sum())
        self._note(self._inputs, kept)
        return self._weighted(kept, mask, total)

    def _mask_pool(self, entropies: list[Tensor], masks: list[Tensor], draw: int) -> list[Tensor]:
        """One pool over these calls and over all processes; its own part of the mask, shaped as each call's."""
        flat = torch.cat([one[mask.bool()].float() for one, mask in zip(entropies, masks, strict=True)])
        padded = self.accelerator.pad_across_processes(flat, dim=0, pad_index=_FILLER)
        gathered = self.accelerator.gather(padded)
        real = gathered != _FILLER
        seed = derive_seed(self.forksight.seed, self.step_under_way, "mask", draw)
        result: PoolMask = pool_mask(gathered[real], self.forksight.mask, seed)
        self.record.thresholds.append(result.threshold)
        everywhere = torch.zeros_like(real)
        everywhere[real] = result.kept
        first = self.accelerator.process_index * padded.numel()
        own = everywhere[first : first + flat.numel()]
        kept: list[Tensor] = []
        for mask in masks:
            count = int(mask.sum())
            part = torch.zeros_like(mask, dtype=torch.bool)
            part[mask.bool()] = own[:count]
            own = own[count:]
            kept.append(part)
        return kept

    def _weighted(self, kept: Tensor, mask: Tensor, total: Tensor | None) -> Tensor:
        """Makes TRL's mean over all tokens one over the kept ones; the KL term is added behind it and stays as it is."""
        if self.forksight.mask.denominator == "all":
            return kept
        if self.forksight.objective.loss == "grpo":
            share = mask.sum(-1, keepdim=True) / kept.sum(-1, keepdim=True).clamp(min=1)
            return kept * share
        assert total is not None
        tokens: Tensor = self._inputs["num_items_in_batch"].clamp(min=1.0) / self.batching.mini_batches
        return kept * (tokens / total.clamp(min=1))

    def _over_processes(self, count: Any) -> Tensor:
        reduced: Tensor = self.accelerator.reduce(count.float(), reduction="sum")
        return reduced

    # ------------------------------------------------------------------------------------------------ loss

    def _get_per_token_logps_and_entropies(self, model: Any, *args: Any, **kwargs: Any) -> Any:
        began = time.perf_counter()
        if self._scoring is not None:
            self.board.doing("score", "scoring")
            kwargs["compute_entropy"] = True
        # TRL's switch decides alone whether entropies carry a gradient; its own, masked bonus stays off.
        self._entropy_bonus_enabled = self.forksight.objective.entropy_coefficient != 0 and torch.is_grad_enabled()
        try:
            result = super()._get_per_token_logps_and_entropies(model, *args, **kwargs)
        finally:
            self._entropy_bonus_enabled = False
        if self._scoring is not None:
            self._scoring.append(result[1])
            self.record.seconds["score"] += time.perf_counter() - began
        else:
            self._entropies = result[1]
        return result

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> Tensor:
        self._inputs = inputs
        loss: Tensor = super()._compute_loss(model, inputs)
        if self.top_entropy_quantile >= 1.0:
            self._note(inputs, inputs["completion_mask"].bool())
        coefficient = self.forksight.objective.entropy_coefficient
        if coefficient != 0 and self._entropies is not None:
            tokens = inputs["num_items_in_batch"].clamp(min=1.0) / self.batching.mini_batches
            bonus = (self._entropies * inputs["completion_mask"]).sum() * self.accelerator.num_processes / tokens
            loss = loss - coefficient * bonus
        if (self._step + 1) % self.batching.accumulation == 0:
            self._planned = None
        return loss

    def _note(self, inputs: dict[str, Any], kept: Tensor) -> None:
        """Records entropy and mask of a call's rollouts."""
        entropies = inputs.get("forksight_entropy", self._entropies)
        assert entropies is not None
        for row, index in enumerate(inputs["forksight_index"].tolist()):
            real = inputs["completion_mask"][row].bool()
            rollout = self.record.rollouts[index]
            rollout.entropy = entropies[row][real].detach().float().cpu()
            rollout.kept = kept[row][real].cpu()

    # ------------------------------------------------------------------------------------------------ steps

    @property
    def step_under_way(self) -> int:
        """Number of the step that is being trained, from 1."""
        return int(self.state.global_step) // self.batching.mini_batches + 1

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Collects what TRL logs; the run folder is written at the end of the step."""
        super().log(logs, start_time)
        if "loss" in logs:
            self.record.note_logs(logs)
            self.record.seconds["total"] = time.perf_counter() - self.record.began

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        self._to_save = (model, trial)
        self.on_step(self.state.global_step // self.batching.mini_batches)
        self.begin_record()

    def begin_record(self) -> None:
        """A new step's record; its time runs from here."""
        self.record = StepRecord(tokens_before=self.state.num_input_tokens_seen)

    def write_state(self) -> str:
        """TRL's own state, under `output_dir`; every process takes part. Returns the folder."""
        super()._save_checkpoint(*self._to_save)
        return f"{self.args.output_dir}/checkpoint-{self.state.global_step}"

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """None: the run folder says what the run is."""
