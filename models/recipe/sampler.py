"""Batched sampling with a key-value cache, at temperature 1 with no top-k and no top-p, entropies recorded."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import torch
from tokenizers import Tokenizer

from qwen3 import KeyValueCache, Qwen3


@dataclass
class Response:
    """Sampled ids and, for each, the entropy in nats of the distribution from which it was drawn [80/20, Eq. 1]."""

    ids: list[int] = field(default_factory=list)
    entropies: list[float] = field(default_factory=list)
    finished: bool = False

    def text(self, tokenizer: Tokenizer) -> str:
        """The response as text, with <think> and without the end-of-turn token."""
        return tokenizer.decode(self.ids, skip_special_tokens=True)


@torch.no_grad()
def sample(
    model: Qwen3,
    tokenizer: Tokenizer,
    prompts: list[str],
    seed: int,
    device: torch.device | str = "cpu",
    rows_at_once: int = 512,
) -> list[Response]:
    """One response for each prompt, in the prompts' order, ended by <|im_end|> or <|endoftext|> or the full context.

    Prompts of equal length in tokens go through the model together, so no row is ever padded.
    """
    ends = torch.tensor([tokenizer.token_to_id(t) for t in ("<|im_end|>", "<|endoftext|>")], device=device)
    generator = torch.Generator(device=device).manual_seed(seed)
    responses = [Response() for _ in prompts]
    by_length: dict[int, list[tuple[int, list[int]]]] = defaultdict(list)
    for index, prompt in enumerate(prompts):
        ids = tokenizer.encode(prompt).ids
        by_length[len(ids)].append((index, ids))
    for length, group in sorted(by_length.items()):
        for start in range(0, len(group), rows_at_once):
            part = group[start : start + rows_at_once]
            rows = torch.tensor([index for index, _ in part], device=device)
            cache = KeyValueCache(model.shape, len(part), model.shape.context, device)
            ids = torch.tensor([ids for _, ids in part], device=device)
            while len(rows) and cache.length + ids.shape[1] <= model.shape.context:
                log_probabilities = torch.log_softmax(model.advance(ids, cache).float(), dim=-1)
                probabilities = log_probabilities.exp()
                entropies = -(probabilities * log_probabilities).sum(-1)
                drawn = torch.multinomial(probabilities, 1, generator=generator)
                ended = torch.isin(drawn[:, 0], ends)
                for row, token, entropy, end in zip(
                    rows.tolist(), drawn[:, 0].tolist(), entropies.tolist(), ended.tolist(), strict=True
                ):
                    responses[row].ids.append(token)
                    responses[row].entropies.append(entropy)
                    responses[row].finished = end
                if ended.any():
                    rows, drawn = rows[~ended], drawn[~ended]
                    cache.keep(~ended)
                ids = drawn
    return responses
