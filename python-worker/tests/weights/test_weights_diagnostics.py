"""Figures derived from the statistics of a weighing are those of the weights themselves."""

from __future__ import annotations

import math

import pytest
import torch

from absgd_worker.weights import Normaliser, Statistics, read_statistics
from absgd_worker.weights.diagnostics import (
    effective_learning_rate,
    ess_of_applied_weights,
    ess_ratio_of_applied_weights,
    weighted_mean_loss,
)


@pytest.mark.parametrize("lam", [0.3, -0.3, 1.0, -5.0, 200.0, math.inf])
def test_figures_are_those_of_the_weights(lam):
    generator = torch.Generator().manual_seed(2012)
    for n in (1, 2, 7, 128):
        losses_B = torch.rand(n, generator=generator, dtype=torch.float64) * 6
        weights_B, given, *_ = Normaliser().weigh(losses_B, lam=lam, gamma=0.4)
        statistics = read_statistics(given)
        ess = (weights_B.sum() ** 2 / weights_B.square().sum()).item()
        assert ess_of_applied_weights(statistics) == pytest.approx(ess)
        assert ess_ratio_of_applied_weights(statistics) == pytest.approx(ess / n)
        weighted = (weights_B @ losses_B / weights_B.sum()).item()
        assert weighted_mean_loss(statistics) == pytest.approx(weighted)
        assert effective_learning_rate(0.1, statistics) == pytest.approx(0.1 * weights_B.sum().item())


def test_weights_that_are_too_small_for_a_float_have_no_effective_sample_size():
    statistics = Statistics(4, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0, 0)
    assert math.isnan(ess_of_applied_weights(statistics))
    assert math.isnan(ess_ratio_of_applied_weights(statistics))
    assert math.isnan(weighted_mean_loss(statistics))
