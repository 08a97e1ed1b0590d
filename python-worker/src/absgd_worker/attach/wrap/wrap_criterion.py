"""Makes the weighed version of a criterion, which behaves like the criterion in every other respect."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import update_wrapper
from typing import Any, TypeVar

import torch
from torch import nn

from absgd_worker.attach.provenance.granularity import Granularity
from absgd_worker.attach.session.session import Session
from absgd_worker.attach.wrap.wrapped_call import weighed_call

Criterion = TypeVar("Criterion", bound=nn.Module)


def weighed_criterion(
    criterion: Criterion, find_session: Callable[[], Session], *, name: str | None, granularity: Granularity
) -> Criterion:
    """A copy of `criterion` that shares its parameters and buffers, and weighs the losses it computes for
    training.

    Its calls raise the errors of `weighed_call`; while lambda is off they raise none of these.
    """
    # Wrapping a wrapped criterion replaces the wrapping; it does not weigh twice.
    kind = vars(type(criterion)).get(_PLAIN, type(criterion))
    criterion_name = _name_of(criterion, kind)

    def plain(self: Any, *args: Any, **kwargs: Any) -> Any:
        own_forward = vars(self).get(_OWN_FORWARD)
        return kind.forward(self, *args, **kwargs) if own_forward is None else own_forward(*args, **kwargs)

    def forward(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        session = find_session()
        if not self.training or not session.is_training:
            return plain(self, *args, **kwargs)
        return weighed_call(
            lambda: plain(self, *args, **kwargs),
            (args, kwargs),
            session,
            criterion_name=criterion_name,
            name=name,
            granularity=granularity,
        )

    def reduce(self: nn.Module, protocol: Any) -> Any:
        return (unpickled_criterion, (_with_class(self, kind), find_session, name, granularity))

    # Make a subclass, so that isinstance() and super() still work.
    subclass = _subclass(kind, {"forward": forward, "__reduce_ex__": reduce, _PLAIN: kind})
    if subclass is None:
        module = _Delegating(criterion)
        return weighed_criterion(module, find_session, name=name, granularity=granularity)  # type: ignore[return-value]
    return _with_class(criterion, subclass)


def _name_of(criterion: nn.Module, kind: type[nn.Module]) -> str:
    """The class name of a criterion for messages, also if it was scripted or compiled."""
    plain = criterion.criterion if isinstance(criterion, _Delegating) else criterion
    if isinstance(plain, torch.jit.ScriptModule):
        return str(plain.original_name)
    compiled = plain._modules.get("_orig_mod")
    return type(compiled or plain).__name__ if compiled or plain is not criterion else kind.__name__


def _subclass(kind: type[Criterion], members: dict[str, Any]) -> type[Criterion] | None:
    """A subclass of `kind` with the same name; None if `kind` does not allow it."""
    if issubclass(kind, torch.jit.ScriptModule):
        return None
    try:
        return type(kind.__name__, (kind,), members)  # type: ignore[return-value]
    except TypeError:
        return None


class _Delegating(nn.Module):
    """A module that delegates to a criterion whose class cannot be subclassed."""

    def __init__(self, criterion: nn.Module) -> None:
        super().__init__()
        self.criterion = criterion
        self.training = criterion.training

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.criterion(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("criterion"), name)

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        return self.criterion.state_dict(*args, **kwargs)

    def load_state_dict(self, *args: Any, **kwargs: Any) -> Any:
        return self.criterion.load_state_dict(*args, **kwargs)

    def __repr__(self) -> str:
        return repr(self.criterion)


def _with_class(module: nn.Module, kind: type[Criterion]) -> Criterion:
    """A module of class `kind` that shares all attributes with `module`.

    If the instance has a `forward` of its own (`torch.compile` sets one), it is kept under another name, so
    that the class's `forward` is called.
    """
    copied = object.__new__(kind)
    shared = dict(vars(module))
    is_wrapped = _PLAIN in vars(kind)
    old, new = ("forward", _OWN_FORWARD) if is_wrapped else (_OWN_FORWARD, "forward")
    if old in shared:
        shared[new] = shared.pop(old)
    copied.__dict__ = shared
    for name in _slots_of(kind):
        if hasattr(module, name):
            setattr(copied, name, getattr(module, name))
    return copied


def _slots_of(kind: type) -> Iterator[str]:
    """The names in all `__slots__` of a class."""
    for base in kind.__mro__:
        slots = vars(base).get("__slots__", ())
        yield from (slots,) if isinstance(slots, str) else slots


def unpickled_criterion(
    criterion: nn.Module, find_session: Callable[[], Session], name: str | None, granularity: Granularity
) -> nn.Module:
    """Like `weighed_criterion`, with positional arguments: pickle calls it."""
    return weighed_criterion(criterion, find_session, name=name, granularity=granularity)


def weighed_function(
    criterion: Callable[..., Any],
    find_session: Callable[[], Session],
    *,
    name: str | None,
    granularity: Granularity,
) -> Callable[..., Any]:
    """Like `weighed_criterion`, for a plain function."""
    criterion = getattr(criterion, _PLAIN, criterion)
    criterion_name = getattr(criterion, "__name__", type(criterion).__name__)

    def weighed(*args: Any, **kwargs: Any) -> Any:
        session = find_session()
        if not session.is_training:
            return criterion(*args, **kwargs)
        return weighed_call(
            lambda: criterion(*args, **kwargs),
            (args, kwargs),
            session,
            criterion_name=criterion_name,
            name=name,
            granularity=granularity,
        )

    # Copies the name, the signature and the attributes of the criterion.
    update_wrapper(weighed, criterion)
    setattr(weighed, _PLAIN, criterion)
    return weighed


_PLAIN = "absgd_plain_class"
_OWN_FORWARD = "absgd_own_forward"
"""The attribute in which a wrapped module keeps the instance's own `forward`."""
