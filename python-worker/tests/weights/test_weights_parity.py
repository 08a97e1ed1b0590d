"""The preset `reference` against the authors' recurrence, step for step, and where that one breaks."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from absgd_worker.weights import Normaliser, read_statistics
from literal_recurrence import LiteralRecurrence
from pairwise import pairwise

STEPS = 500
GAMMAS = (0.1, 0.45, 0.7, 0.9)
ALPHAS = (0.3, 0.5, 1.0)
LAMS = (5.0, 2.0, 0.5, -0.5, -5.0)
FLOORS = (False, True)
variants = pytest.mark.parametrize("floor", FLOORS, ids=["imbalance", "noisy labels"])


RANDOM = torch.rand(STEPS, 16, generator=torch.Generator().manual_seed(6951), dtype=torch.float64)
# They fall as those of a classifier do.
LOSSES = [6 * row_B**3 / (1 + step / 200) for step, row_B in enumerate(RANDOM)]


def course(lam: float) -> Iterator[tuple[Tensor, float]]:
    """Losses, and lam: off at first as in the authors' two stages, then λ, with parts at others."""
    for step, losses_B in enumerate(LOSSES):
        yield losses_B, {0: 200.0, 1: 1e3, 4: 0.8 * lam, 6: -lam, 7: 200.0, 8: -300.0}.get(step // 50, lam)


@pytest.mark.parametrize(("gamma", "alpha", "lam", "floor"), pairwise(GAMMAS, ALPHAS, LAMS, FLOORS))
def test_500_steps_are_those_of_the_authors_recurrence(gamma, alpha, lam, floor):
    literal = LiteralRecurrence(alpha=alpha, floor=floor)
    normaliser = Normaliser("reference", alpha=alpha, floor=floor)
    ratios = []
    for losses_B, lam_t in course(lam):
        actual_B = normaliser.weigh(losses_B, lam=lam_t, gamma=gamma).weights_B
        ratios.append(actual_B / literal.weigh(losses_B, lam_t, gamma))
    assert (torch.stack(ratios) - 1).abs().max().item() < 1e-11
    assert torch.stack(ratios).shape == (STEPS, 16)


@variants
@pytest.mark.parametrize("lam", [2.0, -0.5])
def test_so_are_they_in_tensors_on_a_device(lam, floor):
    literal = LiteralRecurrence(alpha=0.5, floor=floor)
    normaliser = Normaliser("reference", alpha=0.5, floor=floor, on_device=True)
    for losses_B, lam_t in course(lam):
        actual_B = normaliser.weigh(losses_B, lam=lam_t, gamma=0.7).weights_B
        torch.testing.assert_close(actual_B, literal.weigh(losses_B, lam_t, 0.7), rtol=1e-11, atol=0)


@variants
def test_class_factors_stand_inside_the_exponent_where_the_losses_carry_them(floor):
    literal = LiteralRecurrence(alpha=0.5, floor=floor)
    normaliser = Normaliser("reference", alpha=0.5, floor=floor)
    factors_B = torch.linspace(0.05, 4.0, 16, dtype=torch.float64)
    for losses_B, lam in course(2.0):
        actual_B = normaliser.weigh(factors_B * losses_B, lam=lam, gamma=0.7).weights_B
        expected_B = literal.weigh(factors_B * losses_B, lam, 0.7)
        torch.testing.assert_close(actual_B, expected_B, rtol=1e-11, atol=0)


@variants
def test_the_sum_of_weights_falls_from_1_over_gamma_alpha_to_1_over_alpha(floor):
    normaliser = Normaliser("reference", alpha=0.3, floor=floor)
    losses_B = torch.tensor([0.2, 1.0, 3.0, 0.7])
    sums = [
        read_statistics(normaliser.weigh(losses_B, lam=3.0, gamma=0.45).statistics).sum_w for _ in range(60)
    ]
    assert sums[0] == pytest.approx(1 / (0.45 * 0.3) + floor, rel=1e-12)
    assert sums[-1] == pytest.approx(1 / 0.3 + floor, rel=1e-12)


@variants
@pytest.mark.parametrize("lam", [0.5, -0.5])
def test_losses_that_break_the_recurrence_do_not_break_the_preset(lam, floor, on_device):
    literal = LiteralRecurrence(alpha=0.5, floor=floor)
    normaliser = Normaliser("reference", alpha=0.5, floor=floor, on_device=on_device)
    usual_B = torch.tensor([0.2, 1.0, 3.0, 0.7], dtype=torch.float64)
    far_B = usual_B + 1000.0
    assert literal.weigh(far_B, lam, 0.9).isnan().all()
    # Its u is inf for good, and weighs nothing any more; or 0, and comes back.
    after_B = literal.weigh(usual_B, lam, 0.9)
    assert (after_B == floor / 4).all() if lam > 0 else after_B.sum().item() > 1
    weights_B, statistics = normaliser.weigh(far_B, lam=lam, gamma=0.9)
    assert weights_B.isfinite().all()
    # The first batch decides the mean alone, so a shift changes nothing.
    shifted = Normaliser("reference", alpha=0.5, floor=floor).weigh(usual_B, lam=lam, gamma=0.9)
    torch.testing.assert_close(weights_B, shifted.weights_B, rtol=1e-10, atol=0)
    assert read_statistics(statistics).sum_w == pytest.approx(1 / 0.45 + floor)


def test_a_batch_that_is_not_finite_leaves_no_trace(on_device):
    normalisers = [Normaliser("reference", alpha=0.5, on_device=on_device) for _ in range(2)]
    random = torch.Generator().manual_seed(1)
    for step in range(10):
        losses_B = torch.rand(8, generator=random, dtype=torch.float64)
        if step == 4:
            spoiled_B = torch.where(losses_B > 0.5, math.nan, losses_B)
            weighed = normalisers[0].weigh(spoiled_B, lam=0.5, gamma=0.7)
            assert weighed.weights_B.tolist() == [1 / 8] * 8
            assert read_statistics(weighed.statistics).non_finite == spoiled_B.isnan().sum()
        weights = [normaliser.weigh(losses_B, lam=0.5, gamma=0.7).weights_B for normaliser in normalisers]
        assert torch.equal(*weights)
