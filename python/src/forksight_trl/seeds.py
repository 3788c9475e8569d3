"""Randomness without state, the same as in core/rl/seed.ts: every draw follows from (seed, step, purpose, index)."""

from __future__ import annotations

from typing import Literal

Purpose = Literal["adapter", "order", "rollout", "mask", "evaluate"]
_PURPOSES: tuple[Purpose, ...] = ("adapter", "order", "rollout", "mask", "evaluate")
_BITS = 0xFFFFFFFF


def derive_seed(seed: int, step: int, purpose: Purpose, index: int = 0) -> int:
    """An unsigned 32-bit seed; equal arguments give equal seeds."""
    state = 0x9E3779B9
    for part in (seed, step, _PURPOSES.index(purpose) + 1, index):
        state = _mix(state ^ _mix((part + 0x7F4A7C15) & _BITS))
    return state


def shuffled(n: int, seed: int) -> list[int]:
    """0 to n - 1 in the order that the embedded trainer gives them for this seed (Fisher-Yates)."""
    order = list(range(n))
    counter = seed & _BITS
    for i in range(n - 1, 0, -1):
        counter = (counter + 0x9E3779B9) & _BITS
        j = _mix(counter) * (i + 1) >> 32
        order[i], order[j] = order[j], order[i]
    return order


def _mix(value: int) -> int:
    """MurmurHash3's 32-bit finaliser."""
    x = value & _BITS
    x = (x ^ (x >> 16)) * 0x85EBCA6B & _BITS
    x = (x ^ (x >> 13)) * 0xC2B2AE35 & _BITS
    return x ^ (x >> 16)
