"""What the rule of weights makes of losses that are huge, or not finite."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from absgd_worker.weights import Normaliser, Statistics, read_statistics, weighted_loss


def usual(seed: int, count: int, n: int = 32) -> Iterator[Tensor]:
    random = torch.Generator().manual_seed(seed)
    for _ in range(count):
        yield 2 * torch.rand(n, generator=random) ** 2


def spiked(kind: str, step: int, losses_B: Tensor) -> Tensor:
    """The losses of a step: a spike of 1e4 after 20 steps, or for all steps after or before it."""
    if kind == "one sample":
        return losses_B + 1e4 * (torch.arange(32) == 7) if step == 20 else losses_B
    hit = {
        "a whole batch": step == 20,
        "the first batch": step == 0,
        "the level rises": step >= 20,
        "the level falls": step < 20,
    }[kind]
    return losses_B + 1e4 if hit else losses_B


def longest(flags: list[bool]) -> int:
    best = run = 0
    for flag in flags:
        run = run + 1 if flag else 0
        best = max(best, run)
    return best


@pytest.mark.parametrize("lam", [0.05, -0.05, 0.5, -0.5, 5.0, -5.0])
@pytest.mark.parametrize("gamma", [0.1, 0.45, 0.7, 0.9])
@pytest.mark.parametrize(
    "kind", ["one sample", "a whole batch", "the first batch", "the level rises", "the level falls"]
)
def test_a_spike_of_1e4_neither_stalls_nor_kicks(kind, gamma, lam):
    normaliser, sums = Normaliser(), []
    for step, losses_B in enumerate(usual(0, 140)):
        weighed = normaliser.weigh(spiked(kind, step, losses_B), lam=lam, gamma=gamma)
        assert weighed.weights_B.isfinite().all()
        sums.append(read_statistics(weighed.statistics).sum_w)
    assert max(sums) <= 2 * (1 + 1e-12)
    assert min(sums) >= math.exp(-5) * (1 - 1e-12)
    assert longest([value < 0.1 for value in sums]) <= 50


@pytest.mark.parametrize(("factor", "capped", "sum_w"), [(30.0, -1, 2.0), (-30.0, 1, math.exp(-5))])
def test_a_held_normaliser_is_reported_by_its_side(factor, capped, sum_w):
    normaliser = Normaliser()
    for _ in range(20):
        normaliser.weigh(torch.zeros(4), lam=1.0, gamma=0.1)
    statistics = read_statistics(normaliser.weigh(torch.full((4,), factor), lam=1.0, gamma=0.1).statistics)
    assert statistics.capped == capped
    assert statistics.sum_w == pytest.approx(sum_w, rel=1e-12)


@pytest.mark.parametrize("lam", [0.05, -0.05, 1.0, -1.0, 200.0])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_losses_up_to_1e4_give_nothing_non_finite(dtype, lam, on_device):
    random = torch.Generator().manual_seed(0)
    normaliser = Normaliser(on_device=on_device)
    for _ in range(30):
        scale = 10 ** (8 * torch.rand((), generator=random) - 4)
        losses_B = (scale * torch.rand(32, generator=random)).to(dtype).requires_grad_()
        weighed = normaliser.weigh(losses_B, lam=lam, gamma=0.1)
        loss = weighted_loss(losses_B, weighed.weights_B)
        (gradient_B,) = torch.autograd.grad(loss, losses_B)
        assert loss.isfinite()
        assert gradient_B.isfinite().all()
        assert all(map(math.isfinite, read_statistics(weighed.statistics)))
        state = normaliser.state_dict()
        assert all(math.isfinite(state[name]) for name in state.keys() - {"rule"})


@pytest.mark.parametrize("lam", [0.5, -0.5, math.inf])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_not_finite_shows_and_the_next_step_recovers(bad, lam, on_device):
    normaliser = Normaliser(on_device=on_device)
    first, second, third = usual(1, 3)
    normaliser.weigh(first, lam=lam, gamma=0.3)
    before = normaliser.state_dict()

    second[3] = bad
    weighed = normaliser.weigh(second, lam=lam, gamma=0.3)
    plain = second.mean()
    torch.testing.assert_close(weighted_loss(second, weighed.weights_B), plain, equal_nan=True)
    statistics = read_statistics(weighed.statistics)
    assert statistics.non_finite == 1
    assert math.isnan(statistics.m)
    assert not math.isfinite(statistics.mean_loss)
    assert statistics.free_energy == pytest.approx(before["free_energy"], rel=0, abs=0, nan_ok=True)

    after = read_statistics(normaliser.weigh(third, lam=lam, gamma=0.3).statistics)
    assert after.sum_w == pytest.approx(1, abs=0.5)
    assert after.non_finite == 0
    assert math.isfinite(after.free_energy) == math.isfinite(lam)


def test_a_run_may_begin_with_a_batch_that_is_not_finite(on_device):
    normaliser = Normaliser(on_device=on_device)
    first, second, third = usual(2, 3)
    normaliser.weigh(first * math.nan, lam=-1.0, gamma=0.3)
    sums = [
        read_statistics(normaliser.weigh(losses_B, lam=-1.0, gamma=0.3).statistics).sum_w
        for losses_B in (second, third)
    ]
    assert sums[0] == 1
    assert sums[1] == pytest.approx(1, abs=0.3)


def test_quotients_beyond_a_double_are_weighed_evenly_and_forgotten(on_device):
    normaliser = Normaliser(on_device=on_device)
    losses_B = torch.tensor([1e308, -1e308], dtype=torch.float64)
    weighed = normaliser.weigh(losses_B, lam=1e-3, gamma=0.3)
    assert weighed.weights_B.tolist() == [0.5, 0.5]
    statistics = read_statistics(normaliser.weigh(torch.ones(2), lam=1e-3, gamma=0.3).statistics)
    assert isinstance(statistics, Statistics)
    assert statistics.sum_w == 1
