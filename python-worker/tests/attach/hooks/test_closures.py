"""Optimizers that compute the loss by a closure: LBFGS, and all optimizers under Lightning."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from absgd_worker.attach import api
from recorder import Recorder, a_model, labels, points

Make = Callable[[list[Tensor]], torch.optim.Optimizer]


def sgd(parameters: list[Tensor]) -> torch.optim.Optimizer:
    return torch.optim.SGD(parameters, lr=0.1)


def lbfgs(parameters: list[Tensor]) -> torch.optim.Optimizer:
    return torch.optim.LBFGS(parameters, lr=0.1, max_iter=3)


def trained(
    make: Make, controls: dict[str, float] | None, *, lr: float | None = None, by_name: bool = True
) -> Tensor:
    """Three steps, inside a session if there are controls."""
    model, _ = a_model()
    optimizer = make(list(model.parameters()))
    if lr is not None:
        optimizer.param_groups[0]["lr"] = lr
    criterion: nn.Module = nn.CrossEntropyLoss()

    def closure() -> Any:
        optimizer.zero_grad()
        loss = criterion(model(points), labels)
        loss.backward()
        return loss

    def loop() -> None:
        for _ in range(3):
            optimizer.step(closure=closure) if by_name else optimizer.step(closure)

    if controls is None:
        loop()
    else:
        criterion = api.wrap(criterion)
        source = Recorder(**controls)
        with api.session(source=source) as session:
            loop()
        assert session.step == 3
        assert optimizer.param_groups[0]["lr"] == 0.1
        assert [entry.controls["lr"] for entry in source.entries] == [controls.get("lr", 0.1)] * 3
    return model.weight.detach().clone()


@pytest.mark.parametrize("make", [sgd, lbfgs])
@pytest.mark.parametrize("by_name", [True, False])
def test_nothing_changes_while_lambda_is_off_and_not_otherwise(make: Make, by_name: bool) -> None:
    plain = trained(make, None)
    assert torch.equal(trained(make, {"lambda": math.inf}, by_name=by_name), plain)
    assert not torch.equal(trained(make, {"lambda": -1.0}, by_name=by_name), plain)


@pytest.mark.parametrize("make", [sgd, lbfgs])
def test_planned_values_are_set_from_the_first_step(make: Make) -> None:
    assert torch.equal(trained(make, {"lambda": math.inf, "lr": 0.4}), trained(make, None, lr=0.4))


def test_gradients_are_clipped_after_the_closure_computed_them() -> None:
    model, optimizer = a_model()
    before = model.weight.detach().clone()
    criterion = api.wrap(nn.CrossEntropyLoss())

    def closure() -> Any:
        loss = criterion(model(points), labels) * 1e4
        loss.backward()
        return loss

    with api.session(source=Recorder(clip_norm=0.5)):
        optimizer.step(closure)
    gradients = torch.cat(
        [parameter.grad.flatten() for parameter in model.parameters() if parameter.grad is not None]
    )
    assert gradients.norm().item() == pytest.approx(0.5)
    assert (model.weight - before).abs().max().item() <= 0.05


def test_a_closure_that_raises_restores_the_optimizer_values() -> None:
    _, optimizer = a_model()

    def closure() -> float:
        assert optimizer.param_groups[0]["lr"] == 0.4
        raise KeyError("of the script")

    with api.session(source=Recorder(lr=0.4)) as session:
        with pytest.raises(KeyError, match="of the script"):
            optimizer.step(closure)
        assert optimizer.param_groups[0]["lr"] == 0.1
    assert session.step == 0
