"""Follows the unreduced losses of a wrapped criterion to where a script reduces them, outside the criterion.

A mode of torch below all other modes, active from the criterion's call to the end of the step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from weakref import WeakKeyDictionary

from torch import Tensor

from absgd_worker.attach.capture.hidden_from_captures import hidden_from_captures
from absgd_worker.attach.capture.unreduced_losses import UnreducedLosses
from absgd_worker.attach.hooks.backward_terms import mark_known
from absgd_worker.attach.hooks.backward_use import BackwardUse
from absgd_worker.attach.hooks.transparent_mode import TransparentMode, enter_below_all, exit_anywhere
from absgd_worker.attach.provenance.provenance import FOLLOWED
from absgd_worker.attach.provenance.reduction_calls import DOT_PRODUCTS, REDUCTIONS, reduction_call_of
from absgd_worker.attach.session.session import Session

_losses_by_session: WeakKeyDictionary[Session, UnreducedLosses] = WeakKeyDictionary()


def unreduced_losses_of(session: Session) -> UnreducedLosses:
    """The losses without reduction of a session."""
    losses = _losses_by_session.get(session)
    if losses is None:
        losses = _losses_by_session[session] = UnreducedLosses()
    return losses


def follow_to_reduction(session: Session) -> None:
    """Follows the session's unreduced losses from now on to the end of the step."""
    if session.stop_following is not None:
        return
    mode = FollowingMode(session)
    enter_below_all(mode)

    def stop() -> None:
        session.stop_following = None
        mode.losses.sums.close()
        mode.is_stopped = not exit_anywhere(mode)

    session.stop_following = stop


class FollowingMode(TransparentMode):
    """Follows operations on unreduced losses, and weighs them where they are reduced."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.losses = unreduced_losses_of(session)
        self.is_stopped = False
        """Whether the mode could not be exited, because another thread entered it. It then does nothing."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        session = self._session
        if func not in _HANDLED or self.is_stopped or session.is_weighing or not session.is_training:
            return func(*args, **kwargs)
        if func in DOT_PRODUCTS:
            call = self.losses.dot_product(func, args, kwargs, accept_unknown=False)
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
    """Records whether a backward pass reaches the weighed `loss`. See `Follow`."""
    use.follow(loss)


_HANDLED = REDUCTIONS | FOLLOWED | DOT_PRODUCTS
