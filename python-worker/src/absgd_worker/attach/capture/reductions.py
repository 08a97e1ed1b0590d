"""Weighs `mean()`, `sum()` and dot products of the elements of a loss, as a capture sees them called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from absgd_worker.attach.capture.capture_context import CaptureContext
from absgd_worker.attach.capture.compilation import must_not_break_graph
from absgd_worker.attach.capture.follow_to_reduction import unreduced_losses_of
from absgd_worker.attach.capture.hidden_from_captures import hidden_from_captures
from absgd_worker.attach.capture.left_unweighed import mark_left_unweighed
from absgd_worker.attach.hooks.not_compiled import not_compiled
from absgd_worker.attach.provenance.reduction_calls import ReductionCall, reduction_call_of


def call_reduction(
    context: CaptureContext, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Any:
    """Calls `func`, one of `REDUCTIONS`, and weighs the elements of a loss that it reduces."""
    call = reduction_call_of(func, args, kwargs)
    return func(*args, **kwargs) if call is None else _reduce(context, call)


def call_dot_product(
    context: CaptureContext, func: Callable[..., Tensor], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Tensor:
    """Calls `func`, one of `DOT_PRODUCTS`, and weighs it where one vector has the elements of a loss."""
    if not context.session.is_training:
        return func(*args, **kwargs)
    call = unreduced_losses_of(context.session).dot_product(
        func, args, kwargs, accept_unknown=context.criterion is not None
    )
    return func(*args, **kwargs) if call is None else _reduce(context, call)


def _reduce(context: CaptureContext, call: ReductionCall) -> Tensor:
    session = context.session
    if not call.losses.requires_grad or not session.is_training:
        return call.plain()
    if must_not_break_graph(session.wants_losses, (call.losses,)):
        return call.plain()
    if not call.losses.numel():
        if context.criterion is None and not unreduced_losses_of(session).is_known(call.losses):
            return call.plain()
        return _reduce_empty(context, call)
    # An outer capture must not weigh the same losses again.
    session.is_weighing = True
    try:
        return _reduce_losses(context, call)
    finally:
        session.is_weighing = False


@not_compiled
def _reduce_empty(context: CaptureContext, call: ReductionCall) -> Tensor:
    """Reduces losses without an element."""
    session = context.session
    context.note_empty_loss()
    with hidden_from_captures(session):
        result = mark_left_unweighed(call.plain())
    unreduced_losses_of(session).pass_over(session, call.losses, result)
    return result


@not_compiled
def _reduce_losses(context: CaptureContext, call: ReductionCall) -> Tensor:
    session, losses = context.session, call.losses
    result = unreduced_losses_of(session).reduce(session, call, context.follow)
    if result is not None:
        return result
    # A criterion may compute its losses by operations that are not followed.
    is_one_per_sample = losses.shape[0] == losses.numel() and call.dims is None
    if context.criterion is None or not is_one_per_sample or losses.shape[0] not in session.watch.batches:
        return call.plain()
    return context.criterion.add_candidate(call, context.estimate_name(losses))
