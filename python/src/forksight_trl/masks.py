"""The entropy mask of [80/20] Eq. 6 over one pool of response tokens, with the rules of core/rl/mask.ts."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from .settings import Mask

# torch.quantile takes no more values.
_QUANTILE_LIMIT = 1 << 24


@dataclass(frozen=True)
class PoolMask:
    """`kept`: bool, shape [n]. `threshold`: tau in nats (the lowest top entropy, or the quantile); NaN without one."""

    kept: Tensor
    threshold: float


def top_count(n: int, rho: float) -> int:
    """k = max(1, ceil(rho n)), the authors' rule, guarded against 0.2 * 5 coming out above 1 in binary."""
    exact = rho * n
    rounded = round(exact)
    k = rounded if abs(exact - rounded) < 1e-9 * n else math.ceil(exact)
    return min(n, max(1, k))


def pool_mask(entropy: Tensor, mask: Mask, seed: int) -> PoolMask:
    """Masks one pool: the tokens of one call, or of all processes and micro-batches together.

    entropy: nats, shape [n], response tokens only; n may be 0. `seed` is used by the random mask alone.
    """
    n = entropy.numel()
    if n == 0:
        return PoolMask(torch.zeros_like(entropy, dtype=torch.bool), math.nan)
    if mask.kind == "all":
        return PoolMask(torch.ones_like(entropy, dtype=torch.bool), float(entropy.min()))
    k = top_count(n, mask.rho)
    if mask.kind == "random":
        drawn = torch.randperm(n, generator=torch.Generator().manual_seed(seed))[:k].to(entropy.device)
        return PoolMask(torch.zeros_like(entropy, dtype=torch.bool).index_fill_(0, drawn, True), math.nan)
    if mask.rule == "exact":
        # Stable, so that of equal entropies the earlier is taken.
        order = torch.sort(entropy, descending=True, stable=True).indices[:k]
        top = torch.zeros_like(entropy, dtype=torch.bool).index_fill_(0, order, True)
        threshold = float(entropy[order[-1]])
    else:
        value = quantile(entropy.float(), 1 - mask.rho)
        top = entropy.float() >= value
        threshold = float(value)
    return PoolMask(top if mask.kind == "top" else ~top, threshold)


def quantile(values: Tensor, q: float) -> Tensor:
    """torch.quantile, also beyond its limit of 2^24 values."""
    if values.numel() <= _QUANTILE_LIMIT:
        return torch.quantile(values, q)
    ordered = values.sort().values
    at = q * (values.numel() - 1)
    low = math.floor(at)
    high = min(values.numel() - 1, low + 1)
    return torch.lerp(ordered[low], ordered[high], at - low)
