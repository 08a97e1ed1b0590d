"""How planned hyperparameters reach the optimizer."""

from __future__ import annotations

import pytest
import torch

from absgd_worker.errors import ControlError
from absgd_worker.task.optimizer_controls import Controls


def parameters(count=2):
    return [torch.nn.Parameter(torch.ones(3)) for _ in range(count)]


def test_the_planned_values_are_set_and_the_rest_is_reported_as_it_is():
    optimizer = torch.optim.SGD(parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    applied = Controls(optimizer).apply({"lr": 0.5, "lambda": -1.0, "temperature": 2.0})
    assert optimizer.param_groups[0]["lr"] == 0.5
    assert applied == {"lr": 0.5, "lambda": -1.0, "temperature": 2.0, "momentum": 0.9, "weight_decay": 1e-4}


def test_momentum_is_the_first_beta_of_adam():
    optimizer = torch.optim.AdamW(parameters(), lr=0.1, betas=(0.9, 0.95))
    controls = Controls(optimizer)
    assert controls.initial == {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}
    controls.apply({"momentum": 0.5})
    assert optimizer.param_groups[0]["betas"] == (0.5, 0.95)


def test_groups_keep_their_proportions():
    one, other = parameters()
    optimizer = torch.optim.SGD(
        [{"params": [one], "lr": 0.01, "weight_decay": 0.0}, {"params": [other], "lr": 0.1}],
        lr=1.0,
        weight_decay=1e-3,
    )
    controls = Controls(optimizer)
    assert controls.initial == {"lr": 0.1, "momentum": 0.0, "weight_decay": 1e-3}
    controls.apply({"lr": 0.5, "weight_decay": 0.2, "momentum": 0.7})
    groups = optimizer.param_groups
    assert [group["lr"] for group in groups] == pytest.approx([0.05, 0.5])
    assert [group["weight_decay"] for group in groups] == [0.0, 0.2]
    assert [group["momentum"] for group in groups] == [0.7, 0.7]


def test_a_group_of_the_planned_rate_gets_it_to_the_last_bit():
    optimizer = torch.optim.SGD(parameters(), lr=0.3)
    Controls(optimizer).apply({"lr": 0.1})
    assert optimizer.param_groups[0]["lr"] == 0.1


def test_a_learning_rate_that_is_a_tensor_stays_one():
    lr = torch.tensor(0.1)
    optimizer = torch.optim.Adam(parameters(), lr=lr)
    Controls(optimizer).apply({"lr": 0.25})
    assert optimizer.param_groups[0]["lr"] is lr
    assert lr.item() == 0.25


def test_a_tensor_stays_the_same_one_when_a_checkpoint_is_loaded():
    lr = torch.tensor(0.1)
    optimizer = torch.optim.Adam(parameters(), lr=lr)
    controls = Controls(optimizer)
    controls.apply({"lr": 0.25})
    optimizer.load_state_dict(optimizer.state_dict())
    assert optimizer.param_groups[0]["lr"] is not lr
    controls.apply({"lr": 0.5})
    assert optimizer.param_groups[0]["lr"] is lr
    assert lr.item() == 0.5


def test_the_planned_rate_of_a_capturable_optimizer_is_one_tensor_for_all_values():
    one, other = parameters()
    optimizer = torch.optim.AdamW(
        [{"params": [one]}, {"params": [other], "lr": 0.02}], lr=0.2, capturable=True
    )
    controls = Controls(optimizer)
    assert controls.initial["lr"] == 0.2
    assert controls.apply({"lr": 0.25})["lr"] == 0.25
    rates = [group["lr"] for group in optimizer.param_groups]
    controls.apply({"lr": 0.5})
    assert all(rate is group["lr"] for rate, group in zip(rates, optimizer.param_groups, strict=True))
    assert [rate.item() for rate in rates] == pytest.approx([0.5, 0.05])


def test_a_rate_of_a_capturable_optimizer_that_is_not_planned_stays_a_number():
    optimizer = torch.optim.AdamW(parameters(), lr=0.2, capturable=True)
    assert Controls(optimizer).apply({"weight_decay": 0.1})["lr"] == 0.2


ROW = {"lr": 0.5, "lambda": -1.0}


def after_three_equal_rows(optimizer):
    """Controls whose answer is the same object for each further row that is the same object."""
    controls = Controls(optimizer)
    first, second, third = [controls.apply(ROW) for _ in range(3)]
    assert first == second
    assert second is third
    return controls


def test_the_same_row_is_answered_with_the_same_object():
    optimizer = torch.optim.SGD(parameters(), lr=0.1, momentum=0.9)
    controls = after_three_equal_rows(optimizer)
    assert controls.apply({**ROW, "lr": 0.25})["lr"] == 0.25
    assert optimizer.param_groups[0]["lr"] == 0.25


@pytest.mark.parametrize("key", ["lr", "momentum"])
def test_the_same_row_is_set_again_after_the_script_has_changed_the_optimizer(key):
    optimizer = torch.optim.SGD(parameters(), lr=0.1, momentum=0.9)
    controls = after_three_equal_rows(optimizer)
    optimizer.param_groups[0][key] = 0.75
    applied = controls.apply(ROW)
    assert optimizer.param_groups[0]["lr"] == 0.5
    assert applied["lr"] == 0.5
    assert applied["momentum"] == optimizer.param_groups[0]["momentum"]


def test_the_same_row_is_set_again_after_a_checkpoint_was_loaded():
    optimizer = torch.optim.SGD(parameters(), lr=0.1)
    state = optimizer.state_dict()
    controls = after_three_equal_rows(optimizer)
    optimizer.load_state_dict(state)
    assert optimizer.param_groups[0]["lr"] == 0.1
    controls.apply(ROW)
    assert optimizer.param_groups[0]["lr"] == 0.5


def test_the_same_row_is_set_again_where_a_tensor_in_a_tuple_has_changed():
    optimizer = torch.optim.Adam(parameters(), lr=0.1)
    beta = torch.tensor(0.5)
    optimizer.param_groups[0]["betas"] = (beta, 0.999)
    controls = Controls(optimizer)
    row = {"lr": 0.5, "momentum": 0.75}
    for _ in range(3):
        controls.apply(row)
    beta.fill_(0.25)
    controls.apply(row)
    assert beta.item() == 0.75


def test_a_number_in_a_list_that_is_not_planned_is_read_at_each_step():
    optimizer = torch.optim.Adam(parameters(), lr=0.1)
    betas: list[float] = [0.5, 0.999]
    optimizer.param_groups[0]["betas"] = betas
    controls = Controls(optimizer)
    for _ in range(3):
        assert controls.apply(ROW)["momentum"] == 0.5
    betas[0] = 0.25
    assert controls.apply(ROW)["momentum"] == 0.25


def test_a_control_that_the_optimizer_lacks_is_refused_by_name():
    with pytest.raises(ControlError, match="the plan sets weight_decay, but the optimizer Rprop has none"):
        Controls(torch.optim.Rprop(parameters())).apply({"weight_decay": 0.1})


@pytest.mark.parametrize(("planned", "norm"), [(float("inf"), 5.0), (10.0, 5.0), (1.0, 1.0)])
def test_gradients_are_clipped_to_the_norm_over_all_parameters(planned, norm):
    one, other = parameters()
    one.grad, other.grad = torch.tensor([3.0, 0.0, 0.0]), torch.tensor([0.0, 4.0, 0.0])
    Controls(torch.optim.SGD([one, other], lr=1)).clip({"clip_norm": planned})
    assert torch.cat([one.grad, other.grad]).norm().item() == pytest.approx(norm, rel=1e-5)
