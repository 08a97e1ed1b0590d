"""Criteria without a loss of one sample: unchanged while lambda is off, refused while it is on."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from one_step import Outcome, a_model, is_same, step
from torch import Tensor, nn

from absgd_worker.attach import api
from absgd_worker.attach.errors import NotWeighable, SessionError
from losses_of_torch import ALIASES, ALL, B, C, Criterion, criteria, points
from recorder import Recorder

CRITERIA = list(criteria())
REFUSED = [one for one in CRITERIA if one.is_refused]


def test_every_loss_of_torch_is_in_the_table() -> None:
    modules, functions = {one.module for one in ALL}, {one.function for one in ALL}
    assert set(nn.modules.loss.__all__) - ALIASES <= modules
    named = [name for name in vars(F) if not name.startswith("_")]
    assert {one for one in named if one.endswith(("_loss", "cross_entropy", "kl_div"))} <= functions


@pytest.mark.parametrize("criterion", CRITERIA, ids=[one.id for one in CRITERIA])
@pytest.mark.filterwarnings("ignore")
def test_while_lambda_is_off_a_step_is_that_of_torch(criterion: Criterion) -> None:
    plain = step(criterion.make(), criterion.given)
    losses = criterion.make()
    source = Recorder(**{"lambda": -math.inf if criterion.is_function else math.inf})
    with api.session(source=source):
        assert is_same(step(api.wrap(criterion.make()), criterion.given), plain)
        if criterion.reduction == "none":
            assert is_same(step(lambda *given: api.weigh(losses(*given)), criterion.given), plain)
    with api.session(source=source), api.capture():
        assert is_same(step(losses, criterion.given), plain)
        assert is_same(step(api.wrap(criterion.make()), criterion.given), plain)


class Turning(Recorder):
    """A source whose lambda is off until the test sets it."""

    def __init__(self) -> None:
        super().__init__(**{"lambda": math.inf})


@pytest.mark.parametrize("criterion", REFUSED, ids=[one.id for one in REFUSED])
@pytest.mark.filterwarnings("ignore")
def test_a_criterion_is_refused_at_its_first_call_with_lambda_on(
    criterion: Criterion, capsys: pytest.CaptureFixture[str]
) -> None:
    with api.session(lam=-1.0):
        wrapped = api.wrap(criterion.make())
        with pytest.raises(NotWeighable, match=rf"^{criterion.name} cannot be weighed per sample: .*weigh\("):
            wrapped(*criterion.given(a_model()(points)))
        with torch.no_grad():
            assert torch.equal(
                wrapped(*criterion.given(a_model()(points))),
                criterion.make()(*criterion.given(a_model()(points))),
            )
    assert "not weighed" not in capsys.readouterr().err


@pytest.mark.parametrize("way", ["edit", "schedule"])
@pytest.mark.parametrize("criterion", REFUSED, ids=[one.id for one in REFUSED])
@pytest.mark.filterwarnings("ignore")
def test_a_criterion_is_refused_when_lambda_is_switched_on_later_and_not_before(
    criterion: Criterion, way: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A second loss is weighed, so that the steps of the schedule count."""
    comes_on = 3
    turning = Turning()
    options: dict[str, Any] = (
        {"source": turning} if way == "edit" else {"lam": lambda step: math.inf if step < comes_on else -1.0}
    )

    def train(wrap: Callable[[Any], Any], steps: int) -> list[float]:
        model, found = a_model(), []
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        first, second = wrap(nn.CrossEntropyLoss()), wrap(criterion.make())
        for number in range(steps):
            if way == "edit" and wrap is api.wrap and number == comes_on:
                turning.controls["lambda"] = -1.0
            optimizer.zero_grad()
            scores = model(points)
            loss = first(scores, torch.arange(B) % C) + second(*criterion.given(scores))
            loss.backward()
            optimizer.step()
            found.append(loss.item())
        return found

    plain = train(lambda one: one, comes_on)
    turning.controls["lambda"] = math.inf
    with api.session(**options, announce=True) as session:
        # Lambda is off at all steps that are made.
        with pytest.raises(NotWeighable, match=f"^{criterion.name} cannot be weighed per sample"):
            train(api.wrap, comes_on + 1)
        assert session.step == comes_on
    printed = capsys.readouterr().err
    assert printed.count(f"absgd: not weighed: {criterion.name} cannot be weighed per sample") == 1
    with api.session():
        assert train(api.wrap, comes_on) == plain


NAMES = {one.name for one in REFUSED} - {"CTCLoss", "ctc_loss"}
PAIRS = [one for one in CRITERIA if one.reduction == "none" and one.name in NAMES]


@pytest.mark.parametrize("criterion", PAIRS, ids=[one.id for one in PAIRS])
def test_losses_of_pairs_without_reduction_have_the_same_weights_wrapped_and_given_to_weigh(
    criterion: Criterion,
) -> None:
    with api.session(lam=-1.0):
        wrapped = api.wrap(criterion.make())(*criterion.given(a_model()(points))).mean()
    with api.session(lam=-1.0):
        weighed = api.weigh(criterion.make()(*criterion.given(a_model()(points))))
    with api.session(lam=-1.0) as session, api.capture():
        captured = criterion.make()(*criterion.given(a_model()(points))).mean()
        assert session.captured == 0
    assert wrapped.item() == pytest.approx(weighed.item(), rel=1e-6)
    assert captured.item() != pytest.approx(weighed.item(), rel=1e-3)


def test_a_criterion_whose_backward_pass_works_only_once_is_not_differentiated() -> None:
    """Fused losses compute gradients in the forward pass and scale them in place."""

    class Once(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, scores: Tensor) -> Tensor:
            ctx.gradient = 2 * scores
            return scores.square().sum(1)

        @staticmethod
        def backward(ctx: Any, *gradients: Tensor) -> Tensor:
            return ctx.gradient.mul_(gradients[0][:, None])

    def fused(scores: Tensor) -> Tensor:
        result: Tensor = Once.apply(scores)
        return result

    plain = step(fused, lambda scores: (scores,))
    with api.session(source=Recorder(**{"lambda": math.inf})):
        assert is_same(step(api.wrap(fused), lambda scores: (scores,)), plain)


@pytest.mark.parametrize("way", ["wrap", "weigh"])
def test_a_loss_in_another_thread_is_unchanged_while_lambda_is_off(
    way: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found: list[Outcome | BaseException] = []

    def each(scores: Tensor) -> Tensor:
        return scores.square().sum(1)

    def losses(scores: Tensor) -> Tensor:
        return api.wrap(each)(scores).mean() if way == "wrap" else api.weigh(each(scores))

    def replica() -> None:
        try:
            found.append(step(losses, lambda scores: (scores,)))
        except SessionError as error:
            found.append(error)

    def in_a_thread() -> None:
        thread = threading.Thread(target=replica)
        thread.start()
        thread.join()

    plain = step(each, lambda scores: (scores,))
    with api.session(announce=True):
        in_a_thread()
        in_a_thread()
    assert all(isinstance(one, tuple) and is_same(one, plain) for one in found)
    assert capsys.readouterr().err.count("not weighed: a loss was computed in another thread") == 1
    with api.session(lam=-1.0):
        in_a_thread()
    assert isinstance(found[-1], SessionError)


def test_weigh_does_not_change_losses_of_unknown_samples_while_lambda_is_off(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def loss() -> Tensor:
        scores = a_model()(points)
        return api.weigh(scores.square().sum(1)[:7], granularity="sequence")

    plain = a_model()(points).square().sum(1)[:7].mean()
    with api.session(announce=True) as session:
        assert torch.equal(loss(), plain)
        assert session.captured == 0
    assert "not weighed: loss mean: the loss has 7 elements" in capsys.readouterr().err
    with api.session(lam=-1.0), pytest.raises(api.GranularityError, match="the loss has 7 elements"):
        loss()
