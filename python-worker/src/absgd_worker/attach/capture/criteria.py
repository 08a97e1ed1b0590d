"""A criterion that weighs: the same module in every other respect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from torch import nn

from absgd_worker.attach.capture.wrapped_call import weighed_call
from absgd_worker.attach.errors import NotWeighable
from absgd_worker.attach.provenance.granularity import Granularity
from absgd_worker.attach.session.session import Session

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
        return weighed_call(
            lambda: kind.forward(self, *args, **kwargs),
            (args, kwargs),
            session,
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
        return weighed_call(
            lambda: criterion(*args, **kwargs),
            (args, kwargs),
            session,
            what=called,
            name=name,
            granularity=granularity,
        )

    setattr(weighed, _PLAIN, criterion)
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
