"""Steps and estimates with several optimizers, skipped steps, and losses that are only logged."""

from __future__ import annotations

import inspect
import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from absgd_worker.attach import api
from recorder import Recorder, a_model, labels, points


@pytest.mark.parametrize("accumulation", [1, 2])
def test_a_loss_that_is_only_logged_does_not_change_the_estimate(accumulation: int) -> None:
    def trained(*, looks: bool) -> tuple[Tensor, Any]:
        model, optimizer = a_model()
        criterion = api.wrap(nn.CrossEntropyLoss())
        with api.session(lam=-1.0, gamma=0.5) as session:
            for batch in torch.arange(64).split(16):
                optimizer.zero_grad()
                for part in batch.split(16 // accumulation):
                    criterion(model(points[part]), labels[part]).backward()
                optimizer.step()
                if looks:
                    criterion(model(points[:7]), labels[:7]).item()
            state = session.state_dict()["weighings"]
        assert (session.step, session.captured) == (4, 4 * accumulation)
        return model.weight.detach(), state

    plain, state = trained(looks=False)
    looked, other_state = trained(looks=True)
    assert torch.equal(plain, looked)
    assert state == other_state


@pytest.mark.parametrize("fused", [False, True])
def test_a_skipped_step_is_not_counted_and_does_not_change_the_estimate(fused: bool) -> None:
    model, _ = a_model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, fused=fused)
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    criterion = api.wrap(nn.CrossEntropyLoss())
    with api.session(lam=-1.0, gamma=0.5) as session:
        states = []
        for number in range(3):
            optimizer.zero_grad()
            scaler.scale(criterion(model(points), labels)).backward()
            if number == 1:
                next(model.parameters()).grad.fill_(math.inf)  # type: ignore[union-attr]
            scaler.step(optimizer)
            scaler.update()
            states.append((session.step, session.state_dict()["weighings"]["loss"]["normaliser"]))
    assert [step for step, _ in states] == [1, 1, 2]
    assert states[0][1] == states[1][1] != states[2][1]


def test_every_optimizer_of_a_backward_pass_gets_the_planned_values() -> None:
    model, _ = a_model()
    halves = [torch.optim.SGD([one], lr=0.01) for one in model.parameters()]
    seen: list[float] = []
    for one in halves:
        one.register_step_pre_hook(lambda own, args, kwargs: seen.append(own.param_groups[0]["lr"]))
    source = Recorder(lr=0.5)
    with api.session(source=source) as session, api.capture():
        for _ in range(2):
            F.cross_entropy(model(points), labels).backward()
            for one in halves:
                one.step()
    assert seen == [0.5] * 4
    assert [one.param_groups[0]["lr"] for one in halves] == [0.01] * 2
    assert session.step == 2


def test_a_loss_is_reported_with_the_lambda_that_it_was_weighed_with() -> None:
    class Moving(Recorder):
        def next(self, step: int) -> dict[str, float]:
            return {"lambda": -1.0 - step, "gamma": 0.5}

    (one, one_optimizer), (two, two_optimizer) = a_model(), a_model()
    source = Moving()
    with api.session(source=source), api.capture():
        first, second = F.cross_entropy(one(points), labels), F.cross_entropy(two(points), labels)
        first.backward()
        one_optimizer.step()
        second.backward()
        two_optimizer.step()
    assert [entry.controls["lambda"] for entry in source.entries] == [-1.0, -1.0]


class Nested(torch.optim.Optimizer):
    """Built like SAM: it shares the groups of the optimizer that it steps."""

    def __init__(self, inner: torch.optim.Optimizer) -> None:
        self.inner = inner
        super().__init__([parameter for group in inner.param_groups for parameter in group["params"]], {})
        self.param_groups = inner.param_groups

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        self.inner.step()


def test_an_optimizer_within_another_gets_the_planned_value_once(capsys: pytest.CaptureFixture[str]) -> None:
    model, _ = a_model()
    weight, bias = model.parameters()
    inner = torch.optim.SGD([{"params": [weight], "lr": 1.0}, {"params": [bias], "lr": 0.1}], lr=1.0)
    outer = Nested(inner)
    seen: list[list[float]] = []
    inner.register_step_pre_hook(lambda own, args, kwargs: seen.append([g["lr"] for g in own.param_groups]))
    source = Recorder()
    source.next = lambda step: {"lambda": -1.0, "lr": 0.1 + step}  # type: ignore[method-assign]
    with api.session(source=source), api.capture():
        for _ in range(2):
            F.cross_entropy(model(points), labels).backward()
            outer.step()
    assert seen == [pytest.approx([0.1, 0.01]), pytest.approx([1.1, 0.11])]
    assert [group["lr"] for group in inner.param_groups] == [1.0, 0.1]
    assert "changes lr itself" not in capsys.readouterr().err


def test_a_weighed_loss_is_not_weighed_again_by_a_capture_around_it() -> None:
    def first_loss() -> float:
        model, _ = a_model()
        return api.weigh(F.cross_entropy(model(points), labels, reduction="none")).item()

    with api.session(lam=-0.7) as session:
        plain = first_loss()
        assert session.captured == 1
    with api.session(lam=-0.7) as session, api.capture():
        assert first_loss() == plain
        assert session.captured == 1


@pytest.mark.parametrize("loss", [F.mse_loss, F.huber_loss])
def test_weights_of_elements_are_in_the_denominator_where_torch_has_them(loss: Any) -> None:
    if "weight" not in inspect.signature(loss).parameters:
        pytest.skip("this torch has no weights of elements")
    model, _ = a_model()
    weight = torch.rand(64, 4, generator=torch.Generator().manual_seed(3))
    plain = loss(model(points), points, weight=weight).item()
    with api.session(lam=-1e7), api.capture():
        assert loss(model(points), points, weight=weight).item() == pytest.approx(plain, rel=1e-4)


def test_concatenated_losses_of_several_calls_are_refused() -> None:
    model, _ = a_model()
    with api.session(lam=-1.0), api.capture(), pytest.raises(api.GranularityError):
        torch.cat([F.cross_entropy(model(points), labels, reduction="none") for _ in range(3)]).mean()


def test_a_loss_without_gradient_begins_no_step() -> None:
    source = Recorder()
    source.next = lambda step: pytest.fail("a step was begun")  # type: ignore[method-assign]
    with api.session(source=source), api.capture():
        F.mse_loss(torch.ones(2), torch.zeros(2))
