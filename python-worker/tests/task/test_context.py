"""What a task sees of its run while it trains."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from absgd_worker import Context


def context():
    return Context(run="run", run_dir=Path("runs/run"), params={}, seed=0, device=torch.device("cpu"))


def test_a_control_is_the_planned_value_and_the_default_where_there_is_none():
    made = context()
    assert made.control("temperature", 1.5) == 1.5
    made._enter_step({"temperature": 3.0})
    assert made.control("temperature", 1.5) == 3.0
    assert made.control("other", 1.5) == 1.5


def test_numbers_belong_to_the_step_in_which_they_were_given():
    made = context()
    made.log(a=1, b=torch.tensor([2.0]))
    logged = made._take_logged()
    assert logged is not None
    assert {name: float(number) for name, number in logged.items()} == {"a": 1.0, "b": 2.0}
    assert made._take_logged() is None


def test_a_tensor_that_is_changed_afterwards_was_reported_as_it_was():
    made = context()
    number = torch.tensor(2.0, requires_grad=True)
    made.log(a=number)
    with torch.no_grad():
        number.fill_(9.0)
    logged = made._take_logged()
    assert logged is not None
    assert float(logged["a"]) == 2.0
    assert not torch.as_tensor(logged["a"]).requires_grad


@pytest.mark.parametrize("tensor", [torch.zeros(2), torch.zeros(1, dtype=torch.complex64)])
def test_what_is_not_one_real_number_is_refused_by_name(tensor):
    with pytest.raises(ValueError, match=r"log\(a=…\) takes one real number, not a tensor of torch"):
        context().log(a=tensor)
