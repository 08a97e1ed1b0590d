"""What the rule of weights says of one batch, and of a batch after others."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from absgd_worker.weights import Normaliser, Statistics, read_statistics, weighted_loss

seeds = pytest.mark.parametrize("seed", range(5))
signs = pytest.mark.parametrize("lam", [0.7, -0.7])


def losses_of(generator: torch.Generator, n: int = 16) -> Tensor:
    """Like those of a classifier: most small, some large."""
    return 4 * torch.rand(n, generator=generator, dtype=torch.float64) ** 3


def stream(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def with_history(seed: int, lam: float, gamma: float = 0.3, steps: int = 5) -> Normaliser:
    normaliser, random = Normaliser(), stream(1000 + seed)
    for _ in range(steps):
        normaliser.weigh(losses_of(random), lam=lam, gamma=gamma)
    return normaliser


def host(normaliser: Normaliser, losses_B: Tensor, lam: float, gamma: float) -> tuple[Tensor, Statistics]:
    weighed = normaliser.weigh(losses_B, lam=lam, gamma=gamma)
    return weighed.weights_B, read_statistics(weighed.statistics)


def assert_equal(actual: Tensor, expected: Tensor, tolerance: float = 1e-12) -> None:
    torch.testing.assert_close(actual, expected, rtol=tolerance, atol=0)


@seeds
@signs
def test_gamma_one_is_the_softmax_whatever_came_before(seed, lam):
    losses_B = losses_of(stream(seed))
    weights_B, statistics = host(with_history(seed, lam), losses_B, lam, 1.0)
    assert_equal(weights_B, torch.softmax(losses_B / lam, 0))
    assert statistics.sum_w == pytest.approx(1, rel=1e-12)


@seeds
@signs
@pytest.mark.parametrize("gamma", [0.05, 0.45, 0.9])
def test_the_ratios_of_weights_never_depend_on_the_state(seed, lam, gamma):
    losses_B = losses_of(stream(seed))
    weights_B, _ = host(with_history(seed, lam, steps=seed), losses_B, lam, gamma)
    expected = (losses_B[:, None] - losses_B[None, :]) / lam
    actual = weights_B.log()[:, None] - weights_B.log()[None, :]
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-12)


@seeds
@signs
def test_a_shift_of_the_whole_history_changes_no_weight(seed, lam):
    plain, shifted, random = Normaliser(), Normaliser(), stream(seed)
    for _ in range(6):
        losses_B = losses_of(random)
        expected, _ = host(plain, losses_B, lam, 0.4)
        actual, _ = host(shifted, losses_B + 3, lam, 0.4)
        assert_equal(actual, expected)


@seeds
@signs
def test_a_shift_of_one_batch_scales_all_its_weights_alike(seed, lam):
    losses_B = losses_of(stream(seed))
    plain, _ = host(with_history(seed, lam), losses_B, lam, 0.4)
    shifted, _ = host(with_history(seed, lam), losses_B + 0.1, lam, 0.4)
    ratios = shifted / plain
    assert_equal(ratios, ratios[:1].expand(16))
    assert abs(ratios[0] - 1) > 0.01


@seeds
@signs
def test_losses_and_lam_scaled_alike_change_no_weight(seed, lam):
    plain, scaled, random = Normaliser(), Normaliser(), stream(seed)
    for _ in range(6):
        losses_B = losses_of(random)
        expected, _ = host(plain, losses_B, lam, 0.4)
        actual, _ = host(scaled, 7 * losses_B, 7 * lam, 0.4)
        assert_equal(actual, expected)


@seeds
@signs
def test_a_permutation_of_the_batch_permutes_the_weights(seed, lam):
    losses_B = losses_of(stream(seed))
    order = torch.randperm(16, generator=stream(seed + 1))
    plain, _ = host(with_history(seed, lam), losses_B, lam, 0.4)
    permuted, _ = host(with_history(seed, lam), losses_B[order], lam, 0.4)
    assert_equal(permuted, plain[order])


@seeds
@signs
def test_a_batch_given_twice_halves_each_weight(seed, lam):
    losses_B = losses_of(stream(seed))
    once, _ = host(with_history(seed, lam), losses_B, lam, 0.4)
    twice, _ = host(with_history(seed, lam), losses_B.repeat(2), lam, 0.4)
    assert_equal(twice, once.repeat(2) / 2)


@seeds
def test_lam_turned_round_is_the_losses_turned_round(seed):
    losses_B = losses_of(stream(seed))
    turned, _ = host(Normaliser(), losses_B, -0.7, 0.4)
    mirrored, _ = host(Normaliser(), -losses_B, 0.7, 0.4)
    assert_equal(turned, mirrored)


@seeds
@pytest.mark.parametrize("lam", [1e7, -1e7])
def test_a_large_lam_approaches_the_plain_mean(seed, lam):
    losses_B = losses_of(stream(seed))
    weights_B, statistics = host(Normaliser(), losses_B, lam, 0.4)
    assert_equal(weights_B, torch.full((16,), 1 / 16, dtype=torch.float64), 1e-6)
    assert statistics.free_energy == pytest.approx(statistics.mean_loss, abs=1e-6)
    assert math.copysign(1, statistics.free_energy - statistics.mean_loss) == math.copysign(1, lam)


@seeds
def test_a_small_lam_approaches_the_extreme_losses_and_ties_share(seed):
    losses_B = losses_of(stream(seed))
    losses_B = torch.cat([losses_B, losses_B.max()[None], losses_B.min()[None]])
    for lam, extreme in ((1e-9, losses_B.max()), (-1e-9, losses_B.min())):
        weights_B, statistics = host(Normaliser(), losses_B, lam, 0.4)
        assert_equal(weights_B, (losses_B == extreme).double() / 2)
        assert statistics.free_energy == pytest.approx(extreme.item(), abs=1e-4)


@seeds
@signs
def test_the_gradient_is_that_of_the_log_mean_exp(seed, lam):
    random = stream(seed)
    inputs_BD = torch.randn(16, 3, generator=random, dtype=torch.float64)
    theta_D = torch.randn(3, generator=random, dtype=torch.float64).requires_grad_()

    def per_sample() -> Tensor:
        return (inputs_BD @ theta_D) ** 2

    objective = lam * (torch.logsumexp(per_sample() / lam, 0) - math.log(16))
    (expected,) = torch.autograd.grad(objective, theta_D)
    losses_B = per_sample()
    weights_B, statistics = host(Normaliser(), losses_B, lam, 1.0)
    assert not weights_B.requires_grad
    (actual,) = torch.autograd.grad(weighted_loss(losses_B, weights_B), theta_D)
    assert_equal(actual, expected)
    assert statistics.free_energy == pytest.approx(objective.item(), rel=1e-12)


@seeds
@signs
def test_the_statistics_are_those_of_the_weights(seed, lam):
    losses_B = losses_of(stream(seed))
    weights_B, statistics = host(with_history(seed, lam), losses_B, lam, 0.4)
    p_B = weights_B / weights_B.sum()
    entropy = -(p_B * p_B.log()).sum().item()
    exact = {
        "n": 16,
        "m": math.log((losses_B / lam).exp().mean().item()),
        "sum_w": weights_B.sum().item(),
        "sum_w2": (weights_B**2).sum().item(),
        "sum_wl": weighted_loss(losses_B, weights_B).item(),
        "max_w": weights_B.max().item(),
        "mean_loss": losses_B.mean().item(),
        "capped": 0,
        "non_finite": 0,
    }
    for name, value in exact.items():
        assert getattr(statistics, name) == pytest.approx(value, rel=1e-12), name
    kl = statistics.sum_wl / (lam * statistics.sum_w) - statistics.m
    assert kl == pytest.approx(math.log(16) - entropy, rel=1e-10)
    assert statistics.sum_w == pytest.approx(math.exp(statistics.m - statistics.free_energy / lam), rel=1e-12)


@seeds
@signs
def test_the_free_energy_falls_with_lam_at_the_rate_of_the_kl(seed, lam):
    losses_B = losses_of(stream(seed))
    energies = [host(Normaliser(), losses_B, lam + change, 1.0)[1].free_energy for change in (-1e-4, 1e-4)]
    normaliser = Normaliser()
    normaliser.weigh(losses_B, lam=lam, gamma=1.0)
    assert (energies[1] - energies[0]) / 2e-4 == pytest.approx(-normaliser.state_dict()["kl"], rel=1e-6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_weights_are_at_least_float32_and_sum_in_the_wider_dtype(dtype):
    losses_B = torch.full((100,), 6e4, dtype=dtype)
    weights_B, _ = host(Normaliser(), losses_B, 1.0, 0.9)
    assert weights_B.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    doubled = weighted_loss(losses_B, 2 * weights_B).item()
    assert doubled == pytest.approx(2 * losses_B[0].item(), rel=1e-6)


@pytest.mark.parametrize("lam", [math.inf, -math.inf])
def test_off_has_the_gradient_of_the_mean_bit_for_bit(lam):
    losses_B = losses_of(stream(0), 100).float().requires_grad_()
    weights_B, statistics = host(Normaliser(), losses_B, lam, 0.9)
    (expected,) = torch.autograd.grad(losses_B.mean(), losses_B)
    (actual,) = torch.autograd.grad(weighted_loss(losses_B, weights_B), losses_B)
    assert torch.equal(actual, expected)
    assert statistics.sum_w == 1
    assert math.isnan(statistics.m)
    assert math.isnan(statistics.free_energy)


@pytest.mark.parametrize(
    ("lam", "gamma", "losses", "message"),
    [
        (0.0, 0.9, torch.ones(2), "lam is 0.0, must be a number other than 0: use inf"),
        (math.nan, 0.9, torch.ones(2), "lam is nan"),
        (1.0, 0.0, torch.ones(2), r"gamma is 0.0, must be in \(0, 1\]: use 1"),
        (1.0, 1.1, torch.ones(2), "gamma is 1.1"),
        (math.inf, math.nan, torch.ones(2), "gamma is nan"),
        (1.0, 0.9, torch.ones(2, 2), r"losses have shape \[2, 2\], must be \[B\].*reduction='none'"),
        (1.0, 0.9, torch.tensor(1.0), r"losses have shape \[\]"),
        (1.0, 0.9, torch.ones(0), r"losses have shape \[0\]"),
        (1.0, 0.9, torch.ones(2, dtype=torch.int64), r"losses are torch.int64, must be floating: convert"),
    ],
)
def test_what_cannot_be_weighed_is_refused_by_name_and_leaves_the_state(lam, gamma, losses, message):
    normaliser = with_history(0, 1.0)
    before = normaliser.state_dict()
    with pytest.raises(ValueError, match=message):
        normaliser.weigh(losses, lam=lam, gamma=gamma)
    assert normaliser.state_dict() == before
