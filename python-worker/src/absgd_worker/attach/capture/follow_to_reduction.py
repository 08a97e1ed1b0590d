"""Follows the losses of a wrapped criterion to where a script reduces them, outside of the criterion.

A mode of torch, as a capture is, that lies below all others and is there from the criterion's call to the end
of the step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from weakref import WeakKeyDictionary

from torch import Tensor

from absgd_worker.attach.capture.element_factors import hidden_from_captures
from absgd_worker.attach.capture.unreduced_losses import Unreduced
from absgd_worker.attach.hooks.backward_terms import mark_known
from absgd_worker.attach.hooks.backward_use import BackwardUse
from absgd_worker.attach.hooks.transparent_mode import TransparentMode, lay_below, take_away
from absgd_worker.attach.provenance.provenance import FOLLOWED
from absgd_worker.attach.provenance.reduction_calls import DOTS, REDUCTIONS, reduction_call_of
from absgd_worker.attach.session.session import Session

_unreduced: WeakKeyDictionary[Session, Unreduced] = WeakKeyDictionary()


def unreduced_of(session: Session) -> Unreduced:
    """The losses without reduction of a session."""
    found = _unreduced.get(session)
    if found is None:
        found = _unreduced[session] = Unreduced()
    return found


def follow_to_reduction(session: Session) -> None:
    """From now on to the end of the step what is made of the session's losses is followed."""
    if session.stop_following is not None:
        return
    mode = Following(session)
    lay_below(mode)

    def stop() -> None:
        session.stop_following = None
        mode.losses.units.close()
        mode.is_over = not take_away(mode)

    session.stop_following = stop


class Following(TransparentMode):
    """Sees what is made of losses, and computes none."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.losses = unreduced_of(session)
        self.is_over = False
        """Whether it was left where it lies, by another thread than that which laid it there."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        session = self._session
        if func not in _SEEN or self.is_over or session.is_weighing or not session.is_training:
            return func(*args, **kwargs)
        if func in DOTS:
            call = self.losses.dot(func, args, kwargs, of_any=False)
        elif func in REDUCTIONS:
            call = reduction_call_of(func, args, kwargs)
        else:
            return self.losses.call(func, args, kwargs, follow)
        if call is None or not call.losses.requires_grad or not self.losses.is_known(call.losses):
            return func(*args, **kwargs)
        if not call.losses.numel():
            session.note_empty_loss()
            with hidden_from_captures(session):
                result = func(*args, **kwargs)
            mark_known(result)
            self.losses.pass_over(session, call.losses, result)
            return result
        with hidden_from_captures(session):
            result = self.losses.reduce(session, call, follow)
        return func(*args, **kwargs) if result is None else result


def follow(loss: Tensor, use: BackwardUse) -> None:
    """See `Follow`."""
    use.follow(loss)


_SEEN = REDUCTIONS | FOLLOWED | DOTS
