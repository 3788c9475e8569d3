"""Training text as token shards: whole documents in uint16, written ahead of training by other processes.

A shard is one `.npz` file with `tokens` [n] uint16, the documents laid end to end, and `lengths` [documents] int32.
Shard k of a split depends on the split, k and the seed alone, so that making the data again gives the same bytes.
"""

from __future__ import annotations

import multiprocessing
import os
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from countdown import draw_problem
from search import write_document
from tokenizer import load_or_train

TOKENS_PER_SHARD = 1_000_000
# Longer documents (fewer than one in a hundred) are left out: the context is 512 tokens.
LONGEST_DOCUMENT = 448
SEED = 20_250_602


@dataclass(frozen=True)
class _Job:
    folder: Path
    tokenizer_path: Path
    split: str
    index: int
    tokens: int


def shard_path(folder: Path, split: str, index: int) -> Path:
    """Where shard `index` of a split is kept."""
    return folder / f"{split}-{index:03d}.npz"


def _write_shard(job: _Job) -> None:
    path = shard_path(job.folder, job.split, job.index)
    if path.exists():
        return
    tokenizer = load_or_train(job.tokenizer_path)
    rng = random.Random(f"{SEED}/{job.split}/{job.index}")
    documents: list[list[int]] = []
    total = 0
    while total < job.tokens:
        ids = tokenizer.encode(write_document(draw_problem(rng, job.split), rng)).ids
        if len(ids) <= LONGEST_DOCUMENT:
            documents.append(ids)
            total += len(ids)
    unfinished = path.with_suffix(".part.npz")
    np.savez(
        unfinished,
        tokens=np.concatenate([np.asarray(ids, dtype=np.uint16) for ids in documents]),
        lengths=np.asarray([len(ids) for ids in documents], dtype=np.int32),
    )
    os.replace(unfinished, path)


def write_shards(folder: Path, tokenizer_path: Path, train_tokens: int, processes: int) -> None:
    """Write every missing shard: `train_tokens` tokens of training text, and one small validation shard."""
    folder.mkdir(parents=True, exist_ok=True)
    load_or_train(tokenizer_path)
    count = -(-train_tokens // TOKENS_PER_SHARD)
    jobs = [_Job(folder, tokenizer_path, "train", index, TOKENS_PER_SHARD) for index in range(count)]
    jobs.append(_Job(folder, tokenizer_path, "validation", 0, 60_000))
    with multiprocessing.Pool(processes) as pool:
        for _ in pool.imap_unordered(_write_shard, jobs):
            pass


class DocumentStream:
    """The documents of a split in order, shard after shard, with a position that a checkpoint can keep."""

    def __init__(self, folder: Path, split: str, shard: int = 0, document: int = 0):
        self.folder, self.split = folder, split
        self.shard, self.document = shard, document
        self._open()

    def _open(self) -> None:
        path = shard_path(self.folder, self.split, self.shard)
        if not path.exists():
            self.lengths = np.zeros(0, dtype=np.int32)
            return
        with np.load(path) as held:
            self.tokens, self.lengths = held["tokens"], held["lengths"]
        self.starts = np.concatenate(([0], np.cumsum(self.lengths)))

    def take(self, tokens: int) -> list[np.ndarray]:
        """Whole documents of `tokens` tokens in all at most; an empty list at the end of the data."""
        batch: list[np.ndarray] = []
        taken = 0
        while True:
            if self.document >= len(self.lengths):
                if len(self.lengths) == 0:
                    return batch
                self.shard, self.document = self.shard + 1, 0
                self._open()
                continue
            length = int(self.lengths[self.document])
            if taken + length > tokens:
                return batch
            start = self.starts[self.document]
            batch.append(self.tokens[start : start + length])
            taken += length
            self.document += 1
