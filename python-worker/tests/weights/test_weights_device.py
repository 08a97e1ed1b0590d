"""The rule of weights in tensors: in place, for all values of lam and gamma with one graph."""

from __future__ import annotations

import copy
import math
from typing import Any, ClassVar

import pytest
import torch
from torch._dynamo.testing import CompileCounter
from torch.utils._python_dispatch import TorchDispatchMode

from absgd_worker.weights import ControlsOnDevice, Normaliser, Rule, state_on, weigh_step
from absgd_worker.weights.device import numbers_of

RULES = [Rule(), Rule("paper"), Rule("reference", 0.5, floor=True)]
COURSE = [(math.inf, 0.9), (2.0, 0.9), (1.5, 0.5), (0.2, 0.5), (-0.2, 1.0), (-math.inf, 1.0), (250.0, 0.1)]


def batches(dtype: torch.dtype = torch.float64) -> list[torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    return [torch.rand(8, generator=random, dtype=torch.float64).to(dtype) for _ in COURSE]


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_the_step_in_place_is_that_of_the_normaliser_on_the_host(rule):
    host = Normaliser(rule.preset, alpha=rule.alpha, floor=rule.floor, on_device=False)
    controls, state = ControlsOnDevice(rule, "cpu"), state_on("cpu")
    address = state.data_ptr()
    for losses_B, (lam, gamma) in zip(batches(), COURSE, strict=True):
        controls.set(lam=lam, gamma=gamma)
        weights_B, statistics = weigh_step(rule, losses_B, controls.values, state)
        expected = host.weigh(losses_B, lam=lam, gamma=gamma)
        torch.testing.assert_close(weights_B, expected.weights_B, rtol=1e-12, atol=0)
        row = torch.tensor(expected.statistics, dtype=torch.float64)
        torch.testing.assert_close(statistics, row, rtol=1e-12, atol=1e-15, equal_nan=True)
        after = [*state.tolist(), *controls.history]
        expected = [value for name, value in host.state_dict().items() if name != "rule"]
        assert after == pytest.approx(expected, rel=1e-12, nan_ok=True)
    assert state.data_ptr() == address


def test_a_step_is_compiled_once_whatever_lam_and_gamma_are():
    counter = CompileCounter()
    torch._dynamo.reset()
    step = torch.compile(lambda *given: weigh_step(Rule(), *given), backend=counter, fullgraph=True)
    controls, state = ControlsOnDevice(Rule(), "cpu"), state_on("cpu")
    for losses_B, (lam, gamma) in zip(batches(torch.float32), COURSE, strict=True):
        controls.set(lam=lam, gamma=gamma)
        step(losses_B, controls.values, state)
    assert counter.frame_count == 1


def test_a_step_takes_few_operations():
    """On a device each is a kernel that the training thread begins, which takes some 5 µs."""

    class Counted(TorchDispatchMode):
        names: ClassVar[list[str]] = []

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if not func.is_view and "empty" not in func._schema.name:
                self.names.append(func._schema.name)
            return func(*args, **(kwargs or {}))

    normaliser, losses_B = Normaliser(on_device=True), torch.rand(8)
    for _ in range(3):
        normaliser.weigh(losses_B, lam=2.0, gamma=1.0)
    with Counted() as counted:
        normaliser.weigh(losses_B, lam=2.0, gamma=1.0)
    assert len(counted.names) <= 60


def test_only_a_value_that_changes_is_written(monkeypatch):
    controls = ControlsOnDevice(Rule(), "cpu")
    controls.set(lam=2.0, gamma=1.0)
    written: list[float] = []
    counts: list[int] = []
    fill = torch.Tensor.fill_

    def counted(self: Any, value: float) -> Any:
        written.append(value)
        return fill(self, value)

    monkeypatch.setattr(torch.Tensor, "fill_", counted)
    for lam, gamma in [(2.0, 1.0), (2.0, 1.0), (2.0, 1.0), (1.5, 1.0), (1.5, 1.0)]:
        written.clear()
        controls.set(lam=lam, gamma=gamma)
        counts.append(len(written))
    # First the history and its factors appear; then lam changes, and KL counts for one step.
    assert counts == [1, 0, 0, 2, 1]
    assert controls.values.tolist() == list(numbers_of(Rule(), controls.history, 1.5, 1.0)[0])


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
