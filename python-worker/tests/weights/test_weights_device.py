"""The rule of weights in tensors: in place, for all values of lam and gamma with one graph."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
import torch
from torch._dynamo.testing import CompileCounter

from absgd_worker.weights import ControlsOnDevice, Normaliser, Rule, state_on, weigh_step

RULES = [Rule(), Rule("paper"), Rule("reference", 0.5, floor=True)]
COURSE = [(math.inf, 0.9), (2.0, 0.9), (1.5, 0.5), (0.2, 0.5), (-0.2, 1.0), (-math.inf, 1.0), (250.0, 0.1)]


def batches(dtype: torch.dtype = torch.float64) -> list[torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    return [torch.rand(8, generator=random, dtype=torch.float64).to(dtype) for _ in COURSE]


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_the_step_in_place_is_that_of_the_normaliser_on_the_host(rule):
    host = Normaliser(rule.preset, alpha=rule.alpha, floor=rule.floor, on_device=False)
    controls, state = ControlsOnDevice("cpu"), state_on("cpu")
    address = state.data_ptr()
    for losses_B, (lam, gamma) in zip(batches(), COURSE, strict=True):
        controls.set(lam=lam, gamma=gamma)
        weights_B, statistics = weigh_step(rule, losses_B, controls.values, state)
        expected = host.weigh(losses_B, lam=lam, gamma=gamma)
        torch.testing.assert_close(weights_B, expected.weights_B, rtol=1e-12, atol=0)
        row = torch.tensor(expected.statistics, dtype=torch.float64)
        torch.testing.assert_close(statistics, row, rtol=1e-12, atol=1e-15, equal_nan=True)
        after = list(host.state_dict().values())[1:]
        assert state.tolist() == pytest.approx(after, rel=1e-12, nan_ok=True)
    assert state.data_ptr() == address


def test_a_step_is_compiled_once_whatever_lam_and_gamma_are():
    counter = CompileCounter()
    torch._dynamo.reset()
    step = torch.compile(lambda *given: weigh_step(Rule(), *given), backend=counter, fullgraph=True)
    controls, state = ControlsOnDevice("cpu"), state_on("cpu")
    for losses_B, (lam, gamma) in zip(batches(torch.float32), COURSE, strict=True):
        controls.set(lam=lam, gamma=gamma)
        step(losses_B, controls.values, state)
    assert counter.frame_count == 1


def test_only_a_value_that_changes_is_written(monkeypatch):
    controls = ControlsOnDevice("cpu")
    controls.set(lam=2.0, gamma=0.9)
    written: list[float] = []
    fill = torch.Tensor.fill_

    def counted(self: Any, value: float) -> Any:
        written.append(value)
        return fill(self, value)

    monkeypatch.setattr(torch.Tensor, "fill_", counted)
    for lam, gamma in [(2.0, 0.9), (1.9, 0.9), (1.9, 0.5), (1.9, 0.5)]:
        controls.set(lam=lam, gamma=gamma)
    assert written == [1.9, 0.5]
    assert controls.values.tolist() == [1.9, 0.5]


def test_a_copy_of_a_normaliser_goes_on_by_itself():
    """Sessions weigh each micro-batch with a copy, and throw some away."""
    first, second = (Normaliser(on_device=True) for _ in range(2))
    one, two, three, *_ = batches()
    for normaliser in (first, second):
        normaliser.weigh(one, lam=2.0, gamma=0.5)
    copy.copy(first).weigh(two, lam=-0.5, gamma=0.1)
    assert first.state_dict() == second.state_dict()
    found, expected = (normaliser.weigh(three, lam=2.0, gamma=0.5) for normaliser in (first, second))
    assert torch.equal(found.weights_B, expected.weights_B)
    assert first.state_dict() == second.state_dict()


def test_losses_that_change_their_device_keep_the_estimate():
    there, here = Normaliser(on_device=True), Normaliser(on_device=True)
    one, two, *_ = batches()
    for normaliser in (there, here):
        normaliser.weigh(one, lam=2.0, gamma=0.5)
    there._on_device = False
    found, expected = (normaliser.weigh(two, lam=2.0, gamma=0.5) for normaliser in (there, here))
    torch.testing.assert_close(found.weights_B, expected.weights_B, rtol=1e-12, atol=0)
