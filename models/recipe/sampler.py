"""Batched sampling with a key-value cache, at temperature 1 with no top-k and no top-p, entropies recorded."""

from __future__ import annotations

import multiprocessing
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer

from qwen3 import KeyValueCache, Qwen3
from weights import read_gguf

ROWS_AT_ONCE = 256
# Prompts that one process takes at a time; each such share has a seed of its own, so results do not depend on the cores.
PROMPTS_PER_SHARE = 500
# Rows that have ended go on as dead weight until they are this share of the batch: moving the cache costs more.
DEAD_SHARE = 0.15


@dataclass(frozen=True)
class Response:
    """Sampled ids and, for each, the entropy in nats of the distribution from which it was drawn [80/20, Eq. 1]."""

    ids: list[int]
    entropies: list[float]
    finished: bool

    def text(self, tokenizer: Tokenizer) -> str:
        """The response as text, with <think> and without the end-of-turn token."""
        return tokenizer.decode(self.ids, skip_special_tokens=True)


def sample(
    model: Qwen3, tokenizer: Tokenizer, prompts: list[str], seed: int, device: torch.device | str = "cpu"
) -> list[Response]:
    """One response for each prompt, in the prompts' order, ended by <|im_end|> or <|endoftext|> or the full context.

    Prompts of equal length in tokens go through the model together, so no row is ever padded.
    """
    ends = torch.tensor([tokenizer.token_to_id(t) for t in ("<|im_end|>", "<|endoftext|>")], device=device)
    generator = torch.Generator(device=device).manual_seed(seed)
    by_length: dict[int, list[tuple[int, list[int]]]] = defaultdict(list)
    for index, prompt in enumerate(prompts):
        ids = tokenizer.encode(prompt).ids
        by_length[len(ids)].append((index, ids))
    responses: dict[int, Response] = {}
    for _, group in sorted(by_length.items()):
        for start in range(0, len(group), ROWS_AT_ONCE):
            part = group[start : start + ROWS_AT_ONCE]
            ids = torch.tensor([ids for _, ids in part], device=device)
            sampled = _sample_batch(model, ids, ends, generator)
            responses.update(zip((index for index, _ in part), sampled, strict=True))
    return [responses[index] for index in range(len(prompts))]


def sample_in_processes(path: Path, prompts: list[str], seed: int, workers: int) -> list[Response]:
    """`sample` from a GGUF file, shared out to processes of one thread each; on CUDA all in this process.

    Threads inside each small operation would wait for each other most of the time.
    """
    if torch.cuda.is_available():
        model, tokenizer = read_gguf(path)
        return sample(model.to("cuda"), tokenizer, prompts, seed, "cuda")
    starts = range(0, len(prompts), PROMPTS_PER_SHARE)
    shares = [(path, prompts[start : start + PROMPTS_PER_SHARE], seed + start) for start in starts]
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        return [response for share in pool.imap(_sample_share, shares) for response in share]


def _sample_share(share: tuple[Path, list[str], int]) -> list[Response]:
    path, prompts, seed = share
    torch.set_num_threads(1)
    model, tokenizer = read_gguf(path)
    return sample(model, tokenizer, prompts, seed)


@torch.no_grad()
def _sample_batch(model: Qwen3, ids: torch.Tensor, ends: torch.Tensor, generator: torch.Generator) -> list[Response]:
    count, device = len(ids), ids.device
    room = model.shape.context - ids.shape[1]
    cache = KeyValueCache(model.shape, count, model.shape.context, device)
    drawn = torch.zeros(count, room, dtype=torch.long, device=device)
    entropies = torch.zeros(count, room, device=device)
    lengths = torch.full((count,), room, device=device)
    finished = torch.zeros(count, dtype=torch.bool, device=device)
    # Row i of the running batch belongs to response rows[i].
    rows = torch.arange(count, device=device)
    for step in range(room):
        log_probabilities = torch.log_softmax(model.advance(ids, cache).float(), dim=-1)
        probabilities = log_probabilities.exp()
        ids = torch.multinomial(probabilities, 1, generator=generator)
        drawn[rows, step] = ids[:, 0]
        entropies[rows, step] = -(probabilities * log_probabilities).sum(-1)
        ended = torch.isin(ids[:, 0], ends) & ~finished[rows]
        lengths[rows[ended]] = step + 1
        finished[rows[ended]] = True
        alive = ~finished[rows]
        if not alive.any():
            break
        if int((~alive).sum()) > DEAD_SHARE * len(rows):
            rows, ids = rows[alive], ids[alive]
            cache.keep(alive)
    return [
        Response(drawn[row, :length].tolist(), entropies[row, :length].tolist(), bool(finished[row]))
        for row, length in enumerate(lengths.tolist())
    ]
