"""Qwen3 in plain PyTorch: the architecture of transformers' `Qwen3ForCausalLM`, lean enough to pretrain on two cores.

`fixtures.py` checks it against transformers. Training runs on flat tokens: whole documents laid end to end with no
padding, so every matrix product does useful work; only attention lays the documents out as rows.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class Shape:
    """The model's sizes; the defaults are those of the pocket model."""

    vocabulary: int = 640
    hidden: int = 128
    feed_forward: int = 384
    layers: int = 6
    heads: int = 4
    kv_heads: int = 2
    head_dim: int = 32
    context: int = 512
    rope_theta: float = 10_000.0
    rms_epsilon: float = 1e-6

    def to_dict(self) -> dict:
        return asdict(self)


@dataclass(frozen=True)
class Layout:
    """Where each of N flat tokens stands: `row` and `column` [N] in a grid of `rows` documents by `width` tokens."""

    row: Tensor
    column: Tensor
    rows: int
    width: int

    @staticmethod
    def of_lengths(lengths: list[int], device: torch.device | str = "cpu") -> "Layout":
        """The layout of documents of these lengths laid end to end."""
        sizes = torch.tensor(lengths)
        row = torch.repeat_interleave(torch.arange(len(lengths)), sizes)
        starts = torch.cumsum(sizes, 0) - sizes
        column = torch.arange(int(sizes.sum())) - starts[row]
        return Layout(row.to(device), column.to(device), len(lengths), max(lengths))

    def spread(self, flat: Tensor) -> Tensor:
        """[N, heads, d] to [rows, heads, width, d]; unused places are zero."""
        grid = flat.new_zeros(self.rows, self.width, *flat.shape[1:])
        return grid.index_put((self.row, self.column), flat).transpose(1, 2)

    def gather(self, grid: Tensor) -> Tensor:
        """The reverse of `spread`."""
        return grid.transpose(1, 2)[self.row, self.column]


class KeyValueCache:
    """Keys and values of a batch in lockstep: [layers][2][batch, kv_heads, context, head_dim], filled up to `length`."""

    def __init__(self, shape: Shape, batch: int, context: int, device: torch.device | str):
        size = (shape.layers, 2, batch, shape.kv_heads, context, shape.head_dim)
        self.store = torch.zeros(size, device=device)
        self.length = 0

    def keep(self, rows: Tensor) -> None:
        """Go on with the rows that a mask [batch] names, moved together in place; only the filled part is copied."""
        kept = self.store[:, :, rows, :, : self.length]
        self.store = self.store[:, :, : kept.shape[2]]
        self.store[:, :, :, :, : self.length] = kept


def rope(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary embedding in the NeoX order. x [N, heads, d]; cos and sin [N, 1, d / 2]."""
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


class RmsNorm(nn.Module):
    def __init__(self, size: int, epsilon: float):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        wide = x.float()
        scale = torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.epsilon)
        return (wide * scale).to(x.dtype) * self.weight


class Block(nn.Module):
    """One decoder layer. The parts before and after attention are methods of their own so that they can be compiled."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.shape = shape
        query, kv = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
        self.input_norm = RmsNorm(shape.hidden, shape.rms_epsilon)
        self.q_proj = nn.Linear(shape.hidden, query, bias=False)
        self.k_proj = nn.Linear(shape.hidden, kv, bias=False)
        self.v_proj = nn.Linear(shape.hidden, kv, bias=False)
        self.q_norm = RmsNorm(shape.head_dim, shape.rms_epsilon)
        self.k_norm = RmsNorm(shape.head_dim, shape.rms_epsilon)
        self.o_proj = nn.Linear(query, shape.hidden, bias=False)
        self.mlp_norm = RmsNorm(shape.hidden, shape.rms_epsilon)
        self.gate_proj = nn.Linear(shape.hidden, shape.feed_forward, bias=False)
        self.up_proj = nn.Linear(shape.hidden, shape.feed_forward, bias=False)
        self.down_proj = nn.Linear(shape.feed_forward, shape.hidden, bias=False)

    def before_attention(self, x: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """x [N, hidden] to query [N, heads, d], key and value [N, kv_heads, d], normalised and rotated."""
        n, s = x.shape[0], self.shape
        y = self.input_norm(x)
        query = self.q_norm(self.q_proj(y).view(n, s.heads, s.head_dim))
        key = self.k_norm(self.k_proj(y).view(n, s.kv_heads, s.head_dim))
        value = self.v_proj(y).view(n, s.kv_heads, s.head_dim)
        return rope(query, cos, sin), rope(key, cos, sin), value

    def after_attention(self, x: Tensor, attended: Tensor) -> Tensor:
        """Residual of attention [N, heads, d], then the gated feed-forward network; returns [N, hidden]."""
        x = x + self.o_proj(attended.reshape(x.shape[0], -1))
        y = self.mlp_norm(x)
        return x + self.down_proj(F.silu(self.gate_proj(y)) * self.up_proj(y))


class Qwen3(nn.Module):
    """The language model, with tied embeddings."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.shape = shape
        self.embed = nn.Embedding(shape.vocabulary, shape.hidden)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = RmsNorm(shape.hidden, shape.rms_epsilon)
        frequency = shape.rope_theta ** (-torch.arange(0, shape.head_dim, 2).float() / shape.head_dim)
        angle = torch.outer(torch.arange(shape.context).float(), frequency)
        self.register_buffer("cos", angle.cos()[:, None, :], persistent=False)
        self.register_buffer("sin", angle.sin()[:, None, :], persistent=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Normal(0, 0.02), scaled down with depth where a layer writes to the residual stream."""
        for name, parameter in self.named_parameters():
            if parameter.dim() < 2:
                continue
            deep = name.endswith(("o_proj.weight", "down_proj.weight"))
            fan_in = parameter.shape[1]
            std = 0.02 if name.startswith("embed") else fan_in**-0.5
            nn.init.normal_(parameter, std=std / math.sqrt(2 * self.shape.layers) if deep else std)

    def hidden_states(self, ids: Tensor, layout: Layout) -> Tensor:
        """ids [N] of whole documents laid end to end; returns the normalised hidden states [N, hidden]."""
        cos, sin = self.cos[layout.column], self.sin[layout.column]
        x = self.embed(ids)
        for block in self.blocks:
            query, key, value = (layout.spread(part) for part in block.before_attention(x, cos, sin))
            attended = F.scaled_dot_product_attention(query, key, value, is_causal=True, enable_gqa=True)
            x = block.after_attention(x, layout.gather(attended))
        return self.norm(x)

    def logits(self, hidden: Tensor) -> Tensor:
        """[..., hidden] to [..., vocabulary]."""
        return F.linear(hidden, self.embed.weight)

    def forward(self, ids: Tensor, layout: Layout) -> Tensor:
        """Logits [N, vocabulary] of whole documents laid end to end."""
        return self.logits(self.hidden_states(ids, layout))

    def advance(self, ids: Tensor, cache: KeyValueCache) -> Tensor:
        """Run ids [batch, t] behind what the cache holds; returns the last position's logits [batch, vocabulary]."""
        batch, t = ids.shape
        start, end = cache.length, cache.length + t
        s = self.shape
        cos, sin = (part[start:end].repeat(batch, 1, 1) for part in (self.cos, self.sin))
        # A single position sees everything before it.
        allowed = None if t == 1 else torch.ones(t, end, dtype=torch.bool, device=ids.device).tril(start)
        x = self.embed(ids).view(batch * t, s.hidden)
        for index, block in enumerate(self.blocks):
            query, key, value = (
                part.view(batch, t, -1, s.head_dim).transpose(1, 2) for part in block.before_attention(x, cos, sin)
            )
            store = cache.store[index]
            store[0, :, :, start:end] = key
            store[1, :, :, start:end] = value
            attended = F.scaled_dot_product_attention(
                query, store[0, :, :, :end], store[1, :, :, :end], attn_mask=allowed, enable_gqa=True
            )
            x = block.after_attention(x, attended.transpose(1, 2).reshape(batch * t, s.heads, s.head_dim))
        cache.length = end
        last = x.view(batch, t, s.hidden)[:, -1]
        return self.logits(self.norm(last))
