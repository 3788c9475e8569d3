"""Pretraining of the pocket model, resumable: run the same command again and it goes on from its last checkpoint.

    python train.py --build build --tokens 18000000

One optimiser step takes whole documents of 8,192 tokens in all, with no padding and no attention across documents,
each at positions from 0 as at inference. The schedule follows tokens, not time.

On a CPU the step is shared out to one process of one thread for each core, which meet once a step to add their
gradients. Threads inside each operation would meet a thousand times as often, and on a machine that also does other
work every meeting waits for the slower core.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import math
import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
import torch.multiprocessing as multiprocessing
import torch.nn.functional as F
from torch import Tensor

from qwen3 import Layout, Qwen3, Shape
from shards import DocumentStream

NO_TARGET = -100
LOG_COLUMNS = ["step", "tokens", "loss", "validation_loss", "learning_rate", "tokens_per_second"]


@dataclass(frozen=True)
class Plan:
    """How much and how fast. Learning rates are per step; tokens are those of the training text."""

    tokens: int
    tokens_per_step: int = 8192
    learning_rate: float = 5e-3
    warm_up_steps: int = 100
    final_share: float = 0.02
    weight_decay: float = 0.02
    clip: float = 1.0
    seed: int = 1
    seconds_between_checkpoints: float = 120.0
    steps_between_logs: int = 20
    steps_between_validations: int = 200

    def rate_at(self, tokens_seen: int, step: int) -> float:
        """Linear warm-up, then a cosine down to `final_share` of the peak at the last token."""
        done = min(1.0, tokens_seen / self.tokens)
        cosine = self.final_share + (1 - self.final_share) * 0.5 * (1 + math.cos(math.pi * done))
        return self.learning_rate * min(1.0, (step + 1) / self.warm_up_steps) * cosine


def lay_out(documents: list[np.ndarray], device: torch.device) -> tuple[Tensor, Tensor, Layout]:
    """Documents to flat ids [N], their targets [N] (`NO_TARGET` behind each last token) and their layout."""
    ids = torch.from_numpy(np.concatenate(documents).astype(np.int64))
    lengths = [len(document) for document in documents]
    targets = torch.full_like(ids, NO_TARGET)
    targets[:-1] = ids[1:]
    targets[torch.cumsum(torch.tensor(lengths), 0) - 1] = NO_TARGET
    return ids.to(device), targets.to(device), Layout.of_lengths(lengths, device)


def make_optimisers(model: Qwen3, plan: Plan) -> list[torch.optim.Optimizer]:
    """Muon for the layers' matrices, AdamW for the embedding and the norms.

    `match_rms_adamw` lets both share one learning rate; the cost of Muon is lost beside the matrix products.
    """
    matrices = [p for name, p in model.named_parameters() if p.dim() == 2 and not name.startswith("embed")]
    others = [p for name, p in model.named_parameters() if p.dim() != 2 or name.startswith("embed")]
    return [
        torch.optim.Muon(
            matrices, lr=plan.learning_rate, weight_decay=plan.weight_decay, adjust_lr_fn="match_rms_adamw"
        ),
        torch.optim.AdamW(others, lr=plan.learning_rate, betas=(0.9, 0.98), weight_decay=0.0),
    ]


@torch.no_grad()
def validation_loss(model: Qwen3, folder: Path, plan: Plan, device: torch.device) -> float:
    """Mean loss in nats a token over the validation shard."""
    stream = DocumentStream(folder, "validation")
    loss, count = 0.0, 0
    while documents := stream.take(plan.tokens_per_step):
        ids, targets, layout = lay_out(documents, device)
        loss += float(F.cross_entropy(model(ids, layout), targets, reduction="sum", ignore_index=NO_TARGET))
        count += int((targets != NO_TARGET).sum())
    return loss / count


class Training:
    """The state of one run: model, optimisers, place in the data; saved and restored as a whole."""

    def __init__(self, build: Path, plan: Plan, device: torch.device, rank: int = 0, ranks: int = 1):
        torch.manual_seed(plan.seed)
        self.build, self.plan, self.device = build, plan, device
        self.rank, self.ranks = rank, ranks
        self.model = Qwen3(Shape()).to(device)
        self.optimisers = make_optimisers(self.model, plan)
        self.step = self.tokens_seen = 0
        self.stream = DocumentStream(build / "shards", "train")
        self.checkpoint_path = build / "checkpoint.pt"
        if self.checkpoint_path.exists():
            self._restore()

    def _restore(self) -> None:
        held = torch.load(self.checkpoint_path, map_location=self.device, weights_only=True)
        self.model.load_state_dict(held["model"])
        for optimiser, state in zip(self.optimisers, held["optimisers"], strict=True):
            optimiser.load_state_dict(state)
        self.step, self.tokens_seen = held["step"], held["tokens_seen"]
        self.stream = DocumentStream(self.build / "shards", "train", held["shard"], held["document"])
        if self.rank == 0:
            print(f"goes on at step {self.step}, {self.tokens_seen:,} tokens", flush=True)

    def save(self) -> None:
        """Write the checkpoint beside the old one, then put it in its place in one move."""
        unfinished = self.checkpoint_path.with_suffix(".part")
        torch.save(
            {
                "model": self.model.state_dict(),
                "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
                "shape": self.model.shape.to_dict(),
                "step": self.step,
                "tokens_seen": self.tokens_seen,
                "shard": self.stream.shard,
                "document": self.stream.document,
            },
            unfinished,
        )
        os.replace(unfinished, self.checkpoint_path)

    def compile_blocks(self) -> None:
        """Fuse the element-wise work around the matrix products; a gain of about a fifth on two cores."""
        for block in self.model.blocks:
            block.before_attention = torch.compile(block.before_attention, dynamic=True)
            block.after_attention = torch.compile(block.after_attention, dynamic=True)

    def one_step(self) -> tuple[float, float]:
        """One optimiser step; returns the loss in nats a token and the learning rate. EOFError without data."""
        documents = self.stream.take(self.plan.tokens_per_step)
        if not documents:
            raise EOFError("the shards hold fewer tokens than the plan")
        tokens = sum(len(document) for document in documents)
        # Every rank reads the same batch and takes its share of it, long and short documents alike.
        ids, targets, layout = lay_out(sorted(documents, key=len)[self.rank :: self.ranks], self.device)
        rate = self.plan.rate_at(self.tokens_seen, self.step)
        loss = F.cross_entropy(self.model(ids, layout), targets, reduction="sum", ignore_index=NO_TARGET)
        loss = loss / (tokens - len(documents))
        loss.backward()
        loss_value = self._add_up_over_ranks(loss.detach())
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.plan.clip)
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate
            optimiser.step()
            optimiser.zero_grad()
        self.step += 1
        self.tokens_seen += tokens
        return loss_value, rate

    def _add_up_over_ranks(self, loss: Tensor) -> float:
        """Replace every gradient by its sum over the ranks, in one message, and return the loss's sum."""
        if self.ranks == 1:
            return loss.item()
        gradients = [parameter.grad for parameter in self.model.parameters()]
        message = torch.cat([loss.view(1), *(gradient.view(-1) for gradient in gradients)])
        dist.all_reduce(message)
        parts = message[1:].split([gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))
        return message[0].item()


def train(build: Path, plan: Plan, workers: int) -> None:
    """Train to the plan's last token, logging to `build/loss.csv` and saving to `build/checkpoint.pt`."""
    if torch.cuda.is_available():
        _run(Training(build, plan, torch.device("cuda")))
    elif workers == 1:
        _run(Training(build, plan, torch.device("cpu")))
    else:
        rendezvous = build / "rendezvous"
        rendezvous.unlink(missing_ok=True)
        multiprocessing.spawn(_rank_main, (workers, build, plan, rendezvous), nprocs=workers)


def _rank_main(rank: int, ranks: int, build: Path, plan: Plan, rendezvous: Path) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=rendezvous.resolve().as_uri(), rank=rank, world_size=ranks)
    _run(Training(build, plan, torch.device("cpu"), rank, ranks))
    dist.destroy_process_group()


def _log_until(path: Path, step: int) -> list[list[str]]:
    """The header and the rows of an earlier log up to a step: what came behind the checkpoint is done again."""
    if step == 0 or not path.exists():
        return [LOG_COLUMNS]
    with path.open(newline="") as file:
        header, *rows = csv.reader(file)
    return [header, *(row for row in rows if int(row[0]) <= step)]


def _run(run: Training) -> None:
    plan, build = run.plan, run.build
    if run.tokens_seen >= plan.tokens:
        return
    run.compile_blocks()
    first = run.rank == 0
    with contextlib.ExitStack() as held:
        # Only the first rank checks, logs and saves; the others wait for it at their next meeting.
        log = None
        if first:
            kept = _log_until(build / "loss.csv", run.step)
            file = held.enter_context((build / "loss.csv").open("w", newline=""))
            log = csv.writer(file)
            log.writerows(kept)
        saved = since = time.monotonic()
        tokens_before = run.tokens_seen
        losses: list[float] = []
        while run.tokens_seen < plan.tokens:
            loss, rate = run.one_step()
            losses.append(loss)
            if run.step % plan.steps_between_logs or log is None:
                continue
            due = run.step % plan.steps_between_validations == 0
            checked = f"{validation_loss(run.model, build / 'shards', plan, run.device):.5f}" if due else ""
            now = time.monotonic()
            speed = (run.tokens_seen - tokens_before) / (now - since)
            row = [run.step, run.tokens_seen, f"{np.mean(losses):.5f}", checked, f"{rate:.3e}", f"{speed:.0f}"]
            log.writerow(row)
            file.flush()
            print(*row, flush=True)
            losses, since, tokens_before = [], now, run.tokens_seen
            if now - saved > plan.seconds_between_checkpoints:
                run.save()
                saved = now
    if first:
        run.save()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=Path(__file__).parent / "build")
    parser.add_argument("--tokens", type=int, default=18_000_000)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes, on a CPU")
    arguments = parser.parse_args()
    train(arguments.build, Plan(tokens=arguments.tokens), arguments.builders)


if __name__ == "__main__":
    main()
