"""Pretraining of the pocket model, resumable: run the same command again and it goes on from its last checkpoint.

    python train.py --build work --tokens 20000000

One optimiser step takes whole documents of 8,192 tokens in all, with no padding and no attention across documents,
each at positions from 0 as at inference. The schedule follows tokens, not time.
"""

from __future__ import annotations

import argparse
import csv
import math
import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from qwen3 import Layout, Qwen3, Shape
from shards import DocumentStream

NO_TARGET = -100


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

    def __init__(self, build: Path, plan: Plan, device: torch.device):
        torch.manual_seed(plan.seed)
        self.build, self.plan, self.device = build, plan, device
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
        """One optimiser step; returns the loss in nats a token and the learning rate. StopIteration without data."""
        documents = self.stream.take(self.plan.tokens_per_step)
        if not documents:
            raise StopIteration("the shards hold fewer tokens than the plan")
        ids, targets, layout = lay_out(documents, self.device)
        rate = self.plan.rate_at(self.tokens_seen, self.step)
        loss = F.cross_entropy(self.model(ids, layout), targets, ignore_index=NO_TARGET)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.plan.clip)
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate
            optimiser.step()
            optimiser.zero_grad()
        self.step += 1
        self.tokens_seen += len(ids)
        return loss.item(), rate


def train(build: Path, plan: Plan, compile_blocks: bool = True) -> None:
    """Train to the plan's last token, logging to `build/loss.csv` and saving to `build/checkpoint.pt`."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    run = Training(build, plan, device)
    if run.tokens_seen >= plan.tokens:
        return
    if compile_blocks:
        run.compile_blocks()
    log_path = build / "loss.csv"
    fresh = run.step == 0
    with log_path.open("w" if fresh else "a", newline="") as file:
        log = csv.writer(file)
        if fresh:
            log.writerow(["step", "tokens", "loss", "validation_loss", "learning_rate", "tokens_per_second"])
        saved = since = time.monotonic()
        tokens_before = run.tokens_seen
        losses: list[float] = []
        while run.tokens_seen < plan.tokens:
            loss, rate = run.one_step()
            losses.append(loss)
            if run.step % plan.steps_between_logs:
                continue
            due = run.step % plan.steps_between_validations == 0
            checked = f"{validation_loss(run.model, build / 'shards', plan, device):.5f}" if due else ""
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
    run.save()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=Path(__file__).parent / "work")
    parser.add_argument("--tokens", type=int, default=20_000_000)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    train(arguments.build, Plan(tokens=arguments.tokens))


if __name__ == "__main__":
    main()
