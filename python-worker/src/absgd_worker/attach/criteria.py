"""A criterion that weighs: the same module in every other respect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from torch import Tensor, nn

from absgd_worker.attach.capture import Capture
from absgd_worker.attach.errors import NotWeighable
from absgd_worker.attach.factors import factors_of_elements, say_or_raise
from absgd_worker.attach.granularity import Granularity, GranularityError, group_elements, grouped
from absgd_worker.attach.identity import Identity
from absgd_worker.attach.layout import Layout
from absgd_worker.attach.session import Session

Criterion = TypeVar("Criterion", bound=nn.Module)


def weighed_criterion(
    criterion: Criterion, find_session: Callable[[], Session], *, name: str | None, granularity: Granularity
) -> Criterion:
    """A copy of `criterion` that shares its parameters and buffers, and weighs what it computes for training.

    Raises:
        NotWeighable: its loss has no samples of its own.
    """
    # One that is weighed already is weighed anew, not twice.
    kind = vars(type(criterion)).get(_PLAIN, type(criterion))
    _require_samples(kind.__name__)

    def forward(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        session = find_session()
        if not self.training or not session.is_training:
            return kind.forward(self, *args, **kwargs)
        return _weighed_forward(
            lambda: kind.forward(self, *args, **kwargs),
            session,
            (*args, *kwargs.values()),
            what=kind.__name__,
            name=name,
            granularity=granularity,
        )

    def reduce(self: nn.Module, protocol: Any) -> Any:
        return (weighed_criterion_again, (_twin(self, kind), find_session, name, granularity))

    # Of a class below its own: an instance of that still, whose methods find what they look for.
    own = type(kind.__name__, (kind,), {"forward": forward, "__reduce_ex__": reduce, _PLAIN: kind})
    return _twin(criterion, own)


def _require_samples(name: str) -> None:
    """Raises NotWeighable where the name of a criterion is known for a loss of something else."""
    for part, reason in _REFUSED.items():
        if part in name.lower():
            raise NotWeighable(
                f"{name} cannot be weighed per sample: {reason}; weigh what you can with "
                "absgd_worker.weigh(losses)"
            )


def _twin(module: nn.Module, kind: type[Criterion]) -> Criterion:
    """A module of another class that shares everything with `module`."""
    twin = kind.__new__(kind)
    twin.__dict__ = dict(module.__dict__)
    return twin


def weighed_criterion_again(
    criterion: nn.Module, find_session: Callable[[], Session], name: str | None, granularity: Granularity
) -> nn.Module:
    """As `weighed_criterion`, for pickle."""
    return weighed_criterion(criterion, find_session, name=name, granularity=granularity)


def weighed_function(
    criterion: Callable[..., Any],
    find_session: Callable[[], Session],
    *,
    name: str | None,
    granularity: Granularity,
) -> Callable[..., Any]:
    """As `weighed_criterion`, of a plain function."""
    criterion = getattr(criterion, _PLAIN, criterion)
    called = getattr(criterion, "__name__", type(criterion).__name__)
    _require_samples(called)

    def weighed(*args: Any, **kwargs: Any) -> Any:
        session = find_session()
        if not session.is_training:
            return criterion(*args, **kwargs)
        return _weighed_forward(
            lambda: criterion(*args, **kwargs),
            session,
            (*args, *kwargs.values()),
            what=called,
            name=name,
            granularity=granularity,
        )

    setattr(weighed, _PLAIN, criterion)
    return weighed


def _weighed_forward(
    forward: Callable[[], Any],
    session: Session,
    given: tuple[Any, ...],
    *,
    what: str,
    name: str | None,
    granularity: Granularity,
) -> Any:
    before = session.captured
    session.watch.passes.of_criterion(given)
    within = None if name is None else _weighed_forward.__code__
    own = Capture(session, name=name or "loss", granularity=granularity, reductions=True, within=within)
    with own as capture:
        result = forward()
    if session.captured == before and isinstance(result, Tensor) and result.requires_grad:
        if result.ndim:
            named = capture.unreduced.name_of(result) or capture.name_of_place()
            return _weigh_elements(result, session, capture, name=named, granularity=granularity, what=what)
        if not session.is_off:
            raise NotWeighable(
                f"{what} gives one number for the whole batch, and how it comes from the samples "
                f"cannot be seen: "
                'give it reduction="none" and weigh its losses with absgd_worker.weigh(losses)'
            )
    elif session.captured == before and not isinstance(result, Tensor) and not session.is_off:
        raise NotWeighable(
            f"{what} gives {type(result).__name__}, and not the loss of each sample: take the losses of "
            "samples from it, and weigh them with absgd_worker.weigh(losses)"
        )
    return result


def _weigh_elements(
    losses: Tensor, session: Session, capture: Capture, *, name: str, granularity: Granularity, what: str
) -> Tensor:
    """A criterion without reduction: what its caller makes of the elements is made of weighed ones."""
    try:
        within = capture.unreduced.within(losses)
        plain = losses.detach() if within is None else within.plain
        grouping = (
            group_elements(plain, None, granularity, Layout.of(session.watch))
            if within is None
            else grouped(plain, within.valid, within.groups)
        )
    except GranularityError as error:
        say_or_raise(session, name, f"{what} none", error)
        return losses
    labels = Identity(labels=None if within is None else within.label_M)
    factors = factors_of_elements(
        session,
        name,
        f"{what} none",
        grouping,
        plain,
        identity=labels,
        index_M=None if within is None else within.index_M,
        origin=session.watch.passes.of_losses(losses) if within is None else within.origin,
    )
    weighed = losses if session.is_off else losses * factors.to(losses.dtype)
    session.follow(weighed)
    return weighed


_PLAIN = "absgd_plain_class"

_REFUSED = {
    "jsd": "it compares the predictions of several views of a sample",
    "ctc": "it divides by the length of each target itself",
    "triplet": "its terms belong to pairs of samples",
    "contrast": "its terms belong to pairs of samples",
    "supcon": "its terms belong to pairs of samples",
    "ntxent": "its terms belong to pairs of samples",
    "infonce": "its terms belong to pairs of samples",
}
"""By a part of the name of a class or function, in small letters."""
