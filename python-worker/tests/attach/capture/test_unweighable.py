"""Criteria without a loss of one sample: left as they are while lambda is off, refused when it is on."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from absgd_worker.attach import api
from absgd_worker.attach.errors import NotWeighable, SessionError
from losses_of_torch import ALIASES, ALL, LENGTHS, B, C, Criterion, criteria, points
from recorder import Recorder

CRITERIA = list(criteria())
REFUSED = [one for one in CRITERIA if one.is_refused]
Outcome = tuple[Tensor, list[Tensor], Tensor]


def test_every_loss_of_torch_is_in_the_table() -> None:
    modules, functions = {one.module for one in ALL}, {one.function for one in ALL}
    assert set(nn.modules.loss.__all__) - ALIASES <= modules
    named = [name for name in vars(F) if not name.startswith("_")]
    assert {one for one in named if one.endswith(("_loss", "cross_entropy", "kl_div"))} <= functions


def a_model() -> nn.Linear:
    torch.manual_seed(1)
    return nn.Linear(4, C)


def step(call: Callable[..., Tensor], given: Callable[[Tensor], tuple[Any, ...]]) -> Outcome:
    """The loss, the gradients and the next random number of one step."""
    model = a_model()
    loss = call(*given(model(points)))
    loss = loss.mean() if loss.ndim else loss
    loss.backward()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    optimizer.step()
    parameters = [*model.parameters()]
    gradients = [one.grad for one in parameters if one.grad is not None]
    return loss.detach(), [*gradients, *(one.detach() for one in parameters)], torch.rand(1)


def is_same(one: Outcome, other: Outcome) -> bool:
    pairs = zip((one[0], *one[1], one[2]), (other[0], *other[1], other[2]), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


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
    """Lambda is off until somebody edits it."""

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
def test_lambda_that_comes_on_later_refuses_it_then_and_not_before(
    criterion: Criterion, way: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Beside a loss that is weighed, whose steps are those of the schedule."""
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
        # All steps that are made come before lambda is on.
        with pytest.raises(NotWeighable, match=f"^{criterion.name} cannot be weighed per sample"):
            train(api.wrap, comes_on + 1)
        assert session.step == comes_on
    said = capsys.readouterr().err
    assert said.count(f"absgd: not weighed: {criterion.name} cannot be weighed per sample") == 1
    with api.session():
        assert train(api.wrap, comes_on) == plain


NAMED = ["JsdCrossEntropy", "SupConLoss", "TripletMiner", "ContrastiveLoss", "NTXentLoss", "InfoNCE"]


def named(name: str, reduce: Callable[[Tensor], Tensor]) -> tuple[nn.Module, Callable[[Tensor], Tensor]]:
    """A class and a function of that name, whose losses seem to be those of single samples."""
    kind = type(name, (nn.Module,), {"forward": lambda _, scores: reduce(scores.logsumexp(1))})

    def call(scores: Tensor) -> Tensor:
        return reduce(scores.logsumexp(1))

    call.__name__ = name.lower()
    return kind(), call


@pytest.mark.parametrize("name", NAMED)
def test_a_criterion_of_another_library_is_known_by_its_name(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for criterion in named(name, torch.mean):
        called = getattr(criterion, "__name__", name)
        with api.session(lam=-1.0), pytest.raises(NotWeighable, match=f"^{called} cannot be weighed"):
            api.wrap(criterion)(a_model()(points))
        source = Recorder(**{"lambda": math.inf})
        plain = step(criterion, lambda scores: (scores,))
        with api.session(source=source, announce=True):
            wrapped = api.wrap(criterion)
            for _ in range(2):
                assert is_same(step(wrapped, lambda scores: (scores,)), plain)
        assert not source.entries
        assert capsys.readouterr().err.count(f"not weighed: {called} cannot be weighed per sample: ") == 1


@pytest.mark.parametrize("name", NAMED)
def test_its_losses_without_reduction_are_weighed_where_they_are_reduced(name: str) -> None:
    losses = a_model()(points).logsumexp(1).detach()
    expected = (torch.softmax(-losses.double(), 0) * losses).sum()
    for criterion in named(name, lambda losses: losses):
        with api.session(lam=-1.0) as session:
            found = api.wrap(criterion)(a_model()(points)).mean()
            assert session.captured == 1
        assert found.item() == pytest.approx(expected.item(), rel=1e-5)


def test_losses_of_a_name_that_mix_samples_are_refused_also_without_reduction() -> None:
    class NTXent(nn.Module):
        def forward(self, scores: Tensor) -> Tensor:
            flat = F.normalize(scores, dim=1)
            return -(flat @ flat.t()).log_softmax(1).diagonal()

    with api.session(lam=-1.0), pytest.raises(NotWeighable, match=r"^NTXent gives one figure of the whole"):
        api.wrap(NTXent())(a_model()(points))


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


@pytest.mark.parametrize("reduce", ["sum", "mean of none", "divided by lengths"])
@pytest.mark.parametrize("is_module", [True, False])
def test_ctc_has_a_loss_of_each_sequence_unless_it_is_under_its_own_mean(
    is_module: bool, reduce: str
) -> None:
    own = "sum" if reduce == "sum" else "none"
    name = "CTCLoss" if is_module else "ctc_loss"
    criterion = next(one for one in CRITERIA if (one.name, one.reduction) == (name, own))

    def finish(losses: Tensor) -> Tensor:
        losses = losses / LENGTHS if reduce == "divided by lengths" else losses
        return losses.mean() if losses.ndim else losses

    plain = F.ctc_loss(*criterion.given(a_model()(points)), reduction="none").detach()
    plain = plain / LENGTHS if reduce == "divided by lengths" else plain
    weights = torch.softmax(-plain.double(), 0)
    expected = (weights * plain).sum().item() * (len(plain) if reduce == "sum" else 1)

    def wrapped() -> Tensor:
        return finish(api.wrap(criterion.make())(*criterion.given(a_model()(points))))

    def captured() -> Tensor:
        with api.capture():
            return finish(criterion.make()(*criterion.given(a_model()(points))))

    def weighed() -> Tensor:
        losses = F.ctc_loss(*criterion.given(a_model()(points)), reduction="none")
        losses = losses / LENGTHS if reduce == "divided by lengths" else losses
        return api.weigh(losses, reduction="sum" if reduce == "sum" else "mean")

    for way in (wrapped, captured, weighed):
        with api.session(lam=-1.0) as session:
            found = way()
            assert session.captured == 1
        assert found.item() == pytest.approx(expected, rel=1e-5), way.__name__


def test_a_sum_in_a_criterion_whose_gradients_are_there_once_is_left_alone() -> None:
    """As fused losses do, which compute gradients in the forward pass and scale them in place."""

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
def test_a_loss_in_another_thread_is_left_as_it_is_while_lambda_is_off(
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


def test_weigh_leaves_losses_whose_samples_cannot_be_told_as_they_are_while_lambda_is_off(
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
