"""A wrapped criterion is the same module in other respects, and refuses criteria it cannot weigh."""

from __future__ import annotations

import copy
import functools
import inspect
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from absgd_worker.attach import api
from absgd_worker.attach.errors import NotWeighable
from recorder import Recorder, a_model, labels, points


def test_a_wrapped_criterion_keeps_class_parameters_and_state() -> None:
    criterion = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 3.0, 4.0]), label_smoothing=0.1)
    wrapped = api.wrap(criterion)
    assert isinstance(wrapped, nn.CrossEntropyLoss)
    assert wrapped.label_smoothing == 0.1
    assert wrapped.state_dict().keys() == criterion.state_dict().keys()
    assert wrapped.to(torch.float64).state_dict()["weight"].dtype == torch.float64
    assert repr(wrapped) == repr(criterion)
    for twin in (copy.deepcopy(wrapped), pickle.loads(pickle.dumps(wrapped)), api.wrap(wrapped)):
        model, _ = a_model()
        with api.session(source=Recorder()) as session:
            twin.to(torch.float32)(model(points), labels).backward()
            assert session.captured == 1


@pytest.mark.parametrize("name", ["JsdCrossEntropy", "SupConLoss", "TripletMarginLoss", "Contrast"])
def test_a_criterion_without_losses_of_single_samples_is_refused_by_name_when_it_is_called(name: str) -> None:
    def function(scores: Tensor) -> Tensor:
        return scores.logsumexp(1).mean()

    function.__name__ = name
    kind = type(name, (nn.Module,), {"forward": lambda _, scores: function(scores)})
    model, _ = a_model()
    with api.session(lam=-1.0):
        for wrapped in (api.wrap(function), api.wrap(kind())):
            with pytest.raises(NotWeighable, match=f"{name} cannot be weighed per sample: .*weigh"):
                wrapped(model(points))


def test_a_criterion_whose_reduction_is_not_seen_is_refused_when_lambda_is_on() -> None:
    class Largest(nn.Module):
        def forward(self, logits: Tensor, target: Tensor) -> Tensor:
            return logits.logsumexp(1).max() - logits[0, target[0]]

    model, _ = a_model()
    with api.session(lam=-1.0), pytest.raises(NotWeighable, match="Largest gives one number for the whole"):
        api.wrap(Largest())(model(points), labels)
    with api.session():
        assert api.wrap(Largest())(model(points), labels).requires_grad


def test_while_the_model_evaluates_nothing_is_weighed_even_with_gradients() -> None:
    model = nn.Sequential(a_model()[0], nn.Dropout(0.5)).eval()
    with api.session(source=Recorder()) as session:
        found = api.wrap(nn.CrossEntropyLoss())(model(points), labels)
        assert torch.equal(found, F.cross_entropy(model(points), labels))
        assert session.captured == 0


def test_a_part_that_trained_beside_the_model_does_not_make_its_evaluation_training() -> None:
    """A temperature that the script never puts into eval mode is such a part."""
    model, optimizer = a_model()
    temperature = nn.Linear(4, 4)
    with api.session(source=Recorder()) as session:
        criterion = api.wrap(nn.CrossEntropyLoss())
        criterion(temperature(model(points)), labels).backward()
        optimizer.step()
        model.eval()
        assert torch.equal(criterion(model(points), labels), F.cross_entropy(model(points), labels))
    assert session.captured == 1


def test_a_frozen_part_does_not_hide_that_the_model_trains() -> None:
    model = nn.Sequential(a_model()[0], nn.BatchNorm1d(4))
    model[1].eval()
    with api.session(source=Recorder()) as session:
        api.wrap(nn.CrossEntropyLoss())(model(points), labels)
        assert session.captured == 1


def test_the_terms_of_a_criterion_have_an_estimate_each() -> None:
    class Terms(nn.Module):
        def forward(self, scores: torch.Tensor) -> torch.Tensor:
            low = F.mse_loss(scores[:, 0] * 0, torch.ones(8))
            return low + F.mse_loss(scores[:, 1] * 0, torch.full((8,), 3.0))

    model, optimizer = a_model()
    criterion = api.wrap(Terms(), name="terms")
    with api.session(lam=-1.0, gamma=0.5) as session:
        for _ in range(4):
            found = criterion(model(points[:8]))
            # Samples with equal losses have equal weights.
            assert found.item() == pytest.approx(10.0, rel=1e-6)
            found.backward()
            optimizer.step()
        names = list(session.state_dict()["weighings"])
    assert names[0] == "terms"
    assert names[1].startswith("terms test_wrap.py:")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"accumulate": 0}, "accumulate is 0, must be a whole number from 1"),
        ({"mirror": "never"}, 'mirror is \'never\', must be "auto" or "off"'),
        ({"normaliser": "bogus"}, "normaliser is 'bogus'"),
        ({"groups": "all"}, "groups is 'all'"),
    ],
)
def test_an_invalid_setting_is_refused_with_the_valid_ones(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message), api.session(**options):
        pass


def test_an_unknown_granularity_is_refused_with_the_known_ones() -> None:
    model, _ = a_model()
    with api.session() as session, session.capture(granularity="tokens"):  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="granularity is 'tokens', must be one of auto, sample"):
            F.cross_entropy(model(points), labels)
        with pytest.raises(ValueError, match="is 'tokens'"):
            api.weigh(F.cross_entropy(model(points), labels, reduction="none"), granularity="tokens")  # type: ignore[arg-type]


def test_a_criterion_in_eval_mode_is_plain() -> None:
    model, _ = a_model()
    criterion = api.wrap(nn.CrossEntropyLoss()).eval()
    with api.session(lam=-0.5) as session:
        assert torch.equal(criterion(model(points), labels), F.cross_entropy(model(points), labels))
    assert session.captured == 0


class OwnNew(nn.CrossEntropyLoss):
    """Its instances cannot be made without arguments."""

    def __new__(cls, smoothing: float) -> OwnNew:
        return super().__new__(cls)

    def __init__(self, smoothing: float) -> None:
        super().__init__(label_smoothing=smoothing)


class NoSubclass(nn.CrossEntropyLoss):
    def __init_subclass__(cls) -> None:
        raise TypeError("this class is final")


class Slots(nn.CrossEntropyLoss):
    __slots__ = ("scale",)

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return super().forward(input, target) * self.scale


class OfNoModule:
    __slots__ = ()

    def __call__(self, scores: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(scores, target)


def with_a_forward_of_its_own() -> nn.Module:
    """Like a module that `torch.compile` returns."""
    module = nn.Module()
    module.forward = lambda scores, target: F.cross_entropy(scores, target) * 2
    return module


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("make", "is_weighed"),
    [
        (lambda: OwnNew(0.1), True),
        (lambda: NoSubclass(weight=torch.tensor([1.0, 2.0, 3.0, 4.0])), True),
        (lambda: Slots(3.0), True),
        (OfNoModule, True),
        (with_a_forward_of_its_own, True),
        (lambda: functools.partial(F.cross_entropy, label_smoothing=0.1), True),
        (lambda: nn.CrossEntropyLoss().forward, True),
        (lambda: nn.DataParallel(nn.CrossEntropyLoss()), True),
        (lambda: torch.jit.script(nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 3.0, 4.0]))), False),
        (lambda: torch.jit.script(nn.CrossEntropyLoss(reduction="none")), True),
    ],
)
def test_every_kind_of_criterion_can_be_wrapped(make: Callable[[], Any], is_weighed: bool) -> None:
    def step(criterion: Any) -> tuple[Tensor, Tensor]:
        model, _ = a_model()
        loss = criterion(model(points), labels)
        loss = loss.mean() if loss.ndim else loss
        loss.backward()
        assert model.weight.grad is not None
        return loss.detach(), model.weight.grad

    plain = step(make())
    wrapped = api.wrap(make())
    with api.session():
        assert all(map(torch.equal, step(wrapped), plain))
        assert all(map(torch.equal, step(api.wrap(wrapped)), plain))
    if isinstance(wrapped, nn.Module):
        assert wrapped.state_dict().keys() == make().state_dict().keys()
    with api.session(lam=-1.0) as session:
        if is_weighed:
            assert not torch.equal(step(wrapped)[0], plain[0])
            assert session.captured == 1
        else:
            with pytest.raises(NotWeighable, match=r"^CrossEntropyLoss gives one number for the"):
                step(wrapped)


def test_a_wrapped_function_keeps_its_name_and_attributes() -> None:
    def focal(scores: Tensor, target: Tensor) -> Tensor:
        """A loss."""
        return F.cross_entropy(scores, target)

    focal.reduction = "mean"  # type: ignore[attr-defined]
    wrapped = api.wrap(focal)
    assert (wrapped.__name__, wrapped.__doc__, wrapped.reduction) == ("focal", "A loss.", "mean")  # type: ignore[attr-defined]
    assert list(inspect.signature(wrapped).parameters) == ["scores", "target"]
