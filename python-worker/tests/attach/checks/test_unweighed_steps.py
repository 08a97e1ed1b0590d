"""What no loss, or no step, was seen of, is said."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from absgd_worker import run
from absgd_worker.attach import api
from losses_of_torch import C, Criterion, criteria
from losses_of_torch import points as batch
from recorder import Recorder, a_model

points = torch.randn(8, 4, generator=torch.Generator().manual_seed(0))
IN_A_ROW = "20 optimizer steps in a row had no loss that could be weighed"


def test_a_second_half_of_training_that_is_not_weighed_is_said_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    model, optimizer = a_model()
    with api.session(lam=-1.0) as session, api.capture():
        for step in range(60):
            scores = model(points)
            # The second half by operations that no function of torch stands for.
            loss = F.mse_loss(scores, points) if step < 10 else (scores - points).square().max()
            loss.backward()
            optimizer.step()
    assert session.step == 10
    assert capsys.readouterr().err.count(IN_A_ROW) == 1


@pytest.mark.parametrize(
    ("lam", "is_refused"),
    [
        (-1.0, True),
        (lambda step: -1.0, True),
        (math.inf, False),
        (lambda step: math.inf if step < 500 else -1.0, False),
    ],
)
def test_a_script_without_a_weighed_loss_is_refused_where_lambda_is_on_and_told_where_it_is_off(
    lam: Any, is_refused: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    model, optimizer = a_model()
    refused = pytest.raises(api.NotApplied, match="no loss was weighed") if is_refused else nullcontext()
    with api.session(lam=lam), refused:
        for _ in range(40):
            optimizer.zero_grad()
            (model(points) - points).square().max().backward()
            optimizer.step()
    assert capsys.readouterr().err.count("no loss was weighed") == (not is_refused)


def test_many_optimizers_of_one_backward_pass_are_no_steps_in_a_row(
    capsys: pytest.CaptureFixture[str],
) -> None:
    model = nn.Sequential(*(nn.Linear(4, 4) for _ in range(30)))
    optimizers = [torch.optim.SGD(layer.parameters(), lr=0.1) for layer in model]
    with api.session(lam=-1.0) as session, api.capture():
        for _ in range(3):
            F.mse_loss(model(points), points).backward()
            for optimizer in optimizers:
                optimizer.step()
    assert session.step == 3
    assert IN_A_ROW not in capsys.readouterr().err


BY_HAND = """
import torch, torch.nn.functional as F
layer = torch.nn.Linear(4, 1)
for _ in range(150):
    x = torch.randn(8, 4)
    layer.zero_grad()
    F.mse_loss(layer(x), x.sum(1, keepdim=True)).backward()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter -= 0.1 * parameter.grad
"""


def test_a_loop_that_updates_by_hand_is_told_that_it_has_no_steps_and_is_no_success_with_lambda(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "by_hand.py"
    script.write_text(BY_HAND)
    assert run.main([str(script)]) == 0
    assert capsys.readouterr().err.count("no optimizer of torch has stepped yet") == 1
    assert run.main(["--lam", "-1", str(script)]) == 1


class MayComeOn(Recorder):
    """As under a controller: lambda is off, and nobody knows for how long."""

    def __init__(self) -> None:
        super().__init__(**{"lambda": math.inf})


REFUSED = [one for one in criteria() if one.is_refused]
PAIRS = [one for one in criteria() if one.reduction == "none" and one.name.endswith("embedding_loss")]


def train(loss: Callable[..., Any], given: Callable[..., Any]) -> None:
    model = nn.Linear(4, C)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    for _ in range(25):
        optimizer.zero_grad()
        found = loss(*given(model(batch)))
        (found.mean() if found.ndim else found).backward()
        optimizer.step()


@pytest.mark.parametrize("announce", [True, False])
@pytest.mark.parametrize("criterion", REFUSED, ids=[one.id for one in REFUSED])
@pytest.mark.filterwarnings("ignore")
def test_the_error_gives_the_reason_that_is_known(criterion: Criterion, announce: bool) -> None:
    calls = [(criterion.make(), criterion.function), (api.wrap(criterion.make()), criterion.name)]
    for call, name in calls:
        reason = f"^20 optimizer steps .*no effect: {name} cannot be weighed per sample: .*weigh"
        refused = pytest.raises(api.NotApplied, match=reason)
        with api.session(source=MayComeOn(), announce=announce), api.capture(), refused:
            train(call, criterion.given)


@pytest.mark.parametrize("criterion", PAIRS, ids=[one.id for one in PAIRS])
def test_the_error_gives_the_reason_also_of_losses_without_reduction(criterion: Criterion) -> None:
    refused = pytest.raises(api.NotApplied, match=f"no effect: {criterion.name} cannot be weighed")
    with api.session(lam=-1.0), api.capture(), refused:
        train(criterion.make(), criterion.given)


def test_of_many_reasons_the_error_gives_two() -> None:
    def several(scores: torch.Tensor) -> torch.Tensor:
        return torch.stack([one.make()(*one.given(scores)) for one in REFUSED if one.is_function]).sum()

    refused = pytest.raises(api.NotApplied, match=r"loss cannot .*; \w+ cannot .*; and 4 more$")
    with api.session(source=MayComeOn()), api.capture(), refused:
        train(several, lambda scores: (scores,))


def test_a_schedule_that_never_begins_is_said_to_stay_off(capsys: pytest.CaptureFixture[str]) -> None:
    criterion = next(one for one in REFUSED if one.name == "CTCLoss")
    with api.session(lam=lambda step: math.inf if step < 5 else -1.0):
        train(api.wrap(criterion.make()), criterion.given)
    said = capsys.readouterr().err
    assert said.count("so that lambda stays off") == 1
    assert "CTCLoss cannot be weighed per sample" in said
