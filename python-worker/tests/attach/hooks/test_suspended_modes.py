"""An optimizer's own operations do not go through a capture, and no loss is missed for that."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import torch.overrides
from torch import Tensor, nn
from torch.overrides import BaseTorchFunctionMode, TorchFunctionMode

from absgd_worker.attach import api
from absgd_worker.attach.capture.capture import Capture
from recorder import Recorder


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the functions of torch that captures see, without those of the profiler."""
    names: list[str] = []
    handle = Capture.__torch_function__

    def noted(self: Capture, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", str(func))
        if not name.startswith("_record_function"):
            names.append(name)
        return handle(self, func, types, args, kwargs)

    monkeypatch.setattr(Capture, "__torch_function__", noted)
    return names


class Faulty(torch.optim.SGD):
    """Raises in every second step."""

    calls = 0

    def step(self, closure: Any = None) -> Any:
        self.calls += 1
        if self.calls % 2 == 0:
            raise RuntimeError("of the step")
        return super().step(closure)


def small() -> tuple[nn.Linear, Tensor, Tensor]:
    torch.manual_seed(0)
    return nn.Linear(4, 3), torch.randn(16, 4), torch.arange(16) % 3


def stack() -> list[TorchFunctionMode]:
    return torch.overrides._get_current_function_mode_stack()


@pytest.mark.parametrize("make", [torch.optim.Adam, torch.optim.SGD, torch.optim.AdamW])
def test_a_capture_sees_no_operation_of_an_optimizer(seen: list[str], make: Callable[..., Any]) -> None:
    model, x, y = small()
    optimizer = make(model.parameters(), lr=0.1)
    with api.session(lam=-1.0), api.capture():
        for _ in range(3):
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            before = len(seen)
            optimizer.step()
            optimizer.zero_grad()
            assert seen[before:] == []
            assert stack() == []


def test_a_loss_of_a_closure_is_weighed() -> None:
    model, x, y = small()
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=3)
    source = Recorder()

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        return loss

    with api.session(source=source), api.capture():
        optimizer.step(closure)
        optimizer.step(closure)
    assert len(source.entries) == 2


@pytest.mark.parametrize("is_functional", [False, True])
def test_the_losses_after_a_step_that_raised_are_weighed(is_functional: bool) -> None:
    model, x, y = small()
    optimizer = Faulty(model.parameters(), lr=0.1)
    source = Recorder()
    with api.session(source=source), api.capture():
        for _ in range(6):
            optimizer.zero_grad()
            scores = x @ model.weight.T if is_functional else model(x)
            F.cross_entropy(scores, y).backward()
            try:
                optimizer.step()
            except RuntimeError:
                continue
            assert stack() == []
    assert len(source.entries) == 3
    assert all(float(entry.weights_B.std()) > 0 for entry in source.entries)


@pytest.mark.parametrize("device", [None, "cpu"])
def test_a_block_that_a_step_breaks_off_leaves_the_modes_of_others(device: str | None) -> None:
    model, x, y = small()
    optimizer = Faulty(model.parameters(), lr=0.1)
    optimizer.calls = 1
    outside = BaseTorchFunctionMode()
    with outside:

        def train() -> None:
            block = nullcontext() if device is None else torch.device(device)
            with api.session(), api.capture(), block:
                F.cross_entropy(model(x), y).backward()
                optimizer.step()

        with pytest.raises(RuntimeError, match="of the step"):
            train()
        assert stack() == [outside]
    assert stack() == []


def test_a_step_inside_of_a_step_ends_with_the_modes_of_before() -> None:
    model, x, y = small()
    inner = torch.optim.SGD(model.parameters(), lr=0.1)

    class Outer(torch.optim.SGD):
        def step(self, closure: Any = None) -> Any:
            inner.step()
            return super().step(closure)

    outer = Outer(model.parameters(), lr=0.1)
    with api.session(), api.capture():
        F.cross_entropy(model(x), y).backward()
        outer.step()
        assert stack() == []
    assert stack() == []


def test_a_loss_of_a_function_that_a_step_is_given_is_weighed() -> None:
    model, x, y = small()

    class Forward(torch.optim.SGD):
        def step(self, closure: Any = None, *, forward: Callable[[], Tensor]) -> Any:  # type: ignore[override]
            forward().backward()
            return super().step()

    optimizer = Forward(model.parameters(), lr=0.1)
    source = Recorder()
    with api.session(source=source), api.capture():
        for _ in range(3):
            optimizer.step(forward=lambda: F.cross_entropy(F.linear(x, model.weight), y))
    assert len(source.entries) == 3
