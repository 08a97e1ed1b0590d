"""Planned hyperparameters in the optimizers of a script."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from absgd_worker.attach.hooks.hyperparameters import Hyperparameters, initial_values
from absgd_worker.errors import ControlError


def parameters(count: int = 3) -> list[nn.Parameter]:
    return [nn.Parameter(torch.ones(1)) for _ in range(count)]


def with_groups() -> torch.optim.SGD:
    one, two, three = parameters()
    return torch.optim.SGD(
        [{"params": [one]}, {"params": [two], "lr": 0.02}, {"params": [three], "weight_decay": 0.0}],
        lr=0.1,
        momentum=0.9,
        weight_decay=1e-4,
    )


def of_groups(optimizer: torch.optim.Optimizer, name: str) -> list[float]:
    return [group[name] for group in optimizer.param_groups]


def test_scaled_groups_keep_their_ratio_to_the_largest_which_has_the_planned_value() -> None:
    optimizer, hyperparameters = with_groups(), Hyperparameters()
    applied = hyperparameters.put(optimizer, {"lr": 0.5, "weight_decay": 0.01, "lambda": -1.0})
    assert of_groups(optimizer, "lr") == pytest.approx([0.5, 0.1, 0.5])
    assert of_groups(optimizer, "weight_decay") == pytest.approx([0.01, 0.01, 0.0])
    assert applied == {"lr": 0.5, "weight_decay": 0.01, "momentum": 0.9}
    hyperparameters.put_back(optimizer)
    assert of_groups(optimizer, "lr") == [0.1, 0.02, 0.1]
    assert of_groups(optimizer, "weight_decay") == [1e-4, 1e-4, 0.0]


def test_with_absolute_every_group_has_the_planned_value() -> None:
    optimizer = with_groups()
    Hyperparameters("absolute").put(optimizer, {"lr": 0.5, "weight_decay": 0.01})
    assert of_groups(optimizer, "lr") == [0.5, 0.5, 0.5]
    assert of_groups(optimizer, "weight_decay") == [0.01, 0.01, 0.01]


def test_ratios_are_those_before_a_warm_up_from_zero() -> None:
    optimizer = with_groups()
    torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: step / 10)
    assert of_groups(optimizer, "lr") == [0, 0, 0]
    Hyperparameters().put(optimizer, {"lr": 0.5})
    assert of_groups(optimizer, "lr") == pytest.approx([0.5, 0.1, 0.5])


def test_values_that_are_not_planned_stay_and_are_reported() -> None:
    optimizer, hyperparameters = with_groups(), Hyperparameters()
    optimizer.param_groups[0]["lr"] = 0.3
    assert hyperparameters.put(optimizer, {"lambda": 2.0})["lr"] == 0.3
    hyperparameters.put_back(optimizer)
    assert of_groups(optimizer, "lr") == [0.3, 0.02, 0.1]


def test_a_group_that_is_added_later_keeps_its_ratio_too() -> None:
    optimizer, hyperparameters = with_groups(), Hyperparameters()
    hyperparameters.put(optimizer, {"lr": 0.5})
    hyperparameters.put_back(optimizer)
    optimizer.add_param_group({"params": parameters(1), "lr": 0.2})
    hyperparameters.put(optimizer, {"lr": 0.5})
    assert of_groups(optimizer, "lr") == pytest.approx([0.25, 0.05, 0.25, 0.5])


def test_momentum_of_adam_is_its_first_beta() -> None:
    optimizer, hyperparameters = torch.optim.AdamW(parameters(), lr=1e-3), Hyperparameters()
    assert hyperparameters.put(optimizer, {"momentum": 0.5})["momentum"] == 0.5
    assert optimizer.param_groups[0]["betas"] == (0.5, 0.999)
    hyperparameters.put_back(optimizer)
    assert optimizer.param_groups[0]["betas"] == (0.9, 0.999)


def test_a_learning_rate_tensor_is_set_in_place_without_waiting_for_a_device() -> None:
    rate = torch.tensor(0.1)
    optimizer = torch.optim.AdamW(parameters(), lr=rate, foreach=False)
    hyperparameters = Hyperparameters()
    assert "lr" not in hyperparameters.put(optimizer, {})
    hyperparameters.put(optimizer, {"lr": 0.5})
    assert optimizer.param_groups[0]["lr"] is rate
    assert rate.item() == 0.5
    hyperparameters.put_back(optimizer)
    assert rate.item() == pytest.approx(0.1)


def test_a_planned_value_the_optimizer_lacks_is_an_error_with_the_remedy() -> None:
    optimizer = torch.optim.Adagrad(parameters())
    with pytest.raises(
        ControlError, match=r"sets momentum, but the optimizer Adagrad has no momentum or betas"
    ):
        Hyperparameters().put(optimizer, {"momentum": 0.5})


def test_a_scheduler_beside_the_plan_is_reported_once_and_continues(
    capsys: pytest.CaptureFixture[str],
) -> None:
    optimizer, hyperparameters = torch.optim.SGD(parameters(), lr=0.1), Hyperparameters()
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    for _ in range(4):
        hyperparameters.put(optimizer, {"lr": 1.0})
        assert of_groups(optimizer, "lr") == [1.0]
        optimizer.step()
        hyperparameters.put_back(optimizer)
        scheduler.step()
    assert of_groups(optimizer, "lr") == pytest.approx([0.1 * 0.5**4])
    printed = capsys.readouterr().err
    assert printed.count("the script changes lr itself (0.1 to 0.05), and the plan sets it too (1)") == 1


def test_gradients_are_clipped_to_the_planned_norm_over_all_groups() -> None:
    optimizer = with_groups()
    for group in optimizer.param_groups:
        group["params"][0].grad = torch.full((1,), 4.0)
    Hyperparameters().clip(optimizer, {"clip_norm": math.inf})
    assert optimizer.param_groups[0]["params"][0].grad.item() == 4.0
    Hyperparameters().clip(optimizer, {"clip_norm": math.sqrt(3)})
    assert [group["params"][0].grad.item() for group in optimizer.param_groups] == pytest.approx([1.0] * 3)


def test_the_initial_values_of_all_optimizers_of_the_process_are_found() -> None:
    kept = [torch.optim.SGD(parameters(), lr=123.0), torch.optim.Adam(parameters(), lr=1.0)]
    assert initial_values()["lr"] == 123.0
    assert kept
