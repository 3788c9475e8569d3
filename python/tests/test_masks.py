"""Masks against TRL's own function, and by their definitions."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from trl import GRPOTrainer

from forksight_trl.evaluation import entropy_change_by_bin, fork_overlap
from forksight_trl.masks import pool_mask, quantile, top_count
from forksight_trl.settings import Mask

ALONE: Any = SimpleNamespace(
    accelerator=SimpleNamespace(pad_across_processes=lambda tensor, **_: tensor, gather=lambda tensor: tensor)
)


def rule(kind: str = "top", rho: float = 0.2, rule: str = "exact") -> Mask:
    return Mask(kind=kind, rho=rho, pool="mini-batch", rule=rule, denominator="kept")


def test_the_quantile_is_trls_on_random_inputs_with_pads_ties_and_short_sequences():
    random = torch.Generator().manual_seed(0)
    for case in range(200):
        rows, width = (
            int(torch.randint(1, 5, (1,), generator=random)),
            int(torch.randint(1, 30, (1,), generator=random)),
        )
        entropies = torch.rand(rows, width, generator=random) * 3
        if case % 2:
            entropies = (entropies * 4).round() / 4
        lengths = torch.randint(0, width + 1, (rows, 1), generator=random)
        mask = (torch.arange(width) < lengths).int()
        rho = float(torch.rand(1, generator=random) * 0.98 + 0.01)
        expected = GRPOTrainer.get_high_entropy_mask(ALONE, entropies, mask, 1 - rho)
        result = pool_mask(entropies[mask.bool()], rule(rho=rho, rule="quantile"), 0)
        assert torch.equal(result.kept, expected[mask.bool()])
        bottom = pool_mask(entropies[mask.bool()], rule("bottom", rho, "quantile"), 0)
        assert torch.equal(bottom.kept, ~expected[mask.bool()])


@pytest.mark.parametrize(
    ("n", "rho", "k"), [(5, 0.2, 1), (6, 0.2, 2), (1, 0.2, 1), (10, 1.0, 10), (3, 1e-9, 1), (15, 0.2, 3)]
)
def test_exact_keeps_the_authors_count(n: int, rho: float, k: int):
    assert top_count(n, rho) == k
    entropies = torch.rand(n, generator=torch.Generator().manual_seed(n))
    result = pool_mask(entropies, rule(rho=rho), 0)
    assert int(result.kept.sum()) == k
    assert result.threshold == pytest.approx(float(entropies.sort(descending=True).values[k - 1]))
    assert entropies[result.kept].min() >= entropies[~result.kept].max() if k < n else True


def test_ties_go_to_the_earlier_token():
    kept = pool_mask(torch.tensor([1.0, 2.0, 2.0, 2.0, 0.0]), rule(rho=0.4), 0).kept
    assert kept.tolist() == [False, True, True, False, False]
    bottom = pool_mask(torch.tensor([1.0, 2.0, 2.0, 2.0, 0.0]), rule("bottom", 0.4), 0).kept
    assert torch.equal(bottom, ~kept)


def test_random_is_seeded_and_keeps_as_many():
    entropies = torch.zeros(100)
    a, b, c = (pool_mask(entropies, rule("random", 0.3), seed).kept for seed in (1, 1, 2))
    assert int(a.sum()) == 30
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


def test_a_pool_without_tokens_has_no_threshold():
    result = pool_mask(torch.zeros(0), rule(), 0)
    assert result.kept.numel() == 0
    assert math.isnan(result.threshold)
    assert pool_mask(torch.tensor([0.5]), rule("all"), 0).kept.tolist() == [True]


def test_quantiles_beyond_torchs_limit_are_the_same(monkeypatch):
    values = torch.rand(1003, generator=torch.Generator().manual_seed(1))
    expected = [float(quantile(values, q)) for q in (0.0, 0.1234, 0.8, 1.0)]
    monkeypatch.setattr("forksight_trl.masks._QUANTILE_LIMIT", 1)
    assert [float(quantile(values, q)) for q in (0.0, 0.1234, 0.8, 1.0)] == pytest.approx(expected)


def test_comparison_with_the_base_is_core_rl_compares():
    # Printed by core/rl/compare.ts.
    base = torch.tensor([0.1, 0.5, 0.5, 0.2, 1, 0.3, 0.3, 0.9], dtype=torch.float64)
    current = torch.tensor([0.2, 0.4, 0.6, 0.2, 0.1, 0.3, 0.35, 1], dtype=torch.float64)
    assert fork_overlap(base, current, 0.3) == pytest.approx(2 / 3)
    expected = [
        None,
        None,
        0.1,
        None,
        0,
        None,
        None,
        0.05,
        None,
        0,
        None,
        None,
        0.1,
        None,
        -0.1,
        None,
        None,
        0.1,
        None,
        -0.9,
    ]
    assert entropy_change_by_bin(base, current) == [one if one is None else pytest.approx(one) for one in expected]
