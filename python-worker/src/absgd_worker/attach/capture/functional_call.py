"""Weighs a call of a loss of `torch.nn.functional`, or leaves it as it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from absgd_worker.attach.capture.capture_context import CaptureContext, is_trained_on
from absgd_worker.attach.capture.compilation import must_not_break_graph
from absgd_worker.attach.capture.criterion_call import report_batch_statistic
from absgd_worker.attach.capture.follow_to_reduction import unreduced_losses_of
from absgd_worker.attach.capture.left_unweighed import mark_left_unweighed
from absgd_worker.attach.capture.reduced_functional_loss import weigh_reduced
from absgd_worker.attach.hooks.call_context import is_vmapped
from absgd_worker.attach.hooks.not_compiled import not_compiled
from absgd_worker.attach.provenance.functional_losses import Elements, elements_of, reduction_of, refusal
from absgd_worker.attach.provenance.granularity import Granularity
from absgd_worker.attach.provenance.mixture_divergence import refusal_of_mixture
from absgd_worker.attach.provenance.pending_losses import PendingLoss
from absgd_worker.attach.provenance.row_selection import selected_rows_of
from absgd_worker.attach.provenance.sample_layout import layout_of


def call_functional_loss(
    context: CaptureContext, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Any:
    """Calls `func`, one of `LOSSES`, and weighs its result where that is possible.

    Raises:
        NotWeighable: lambda is on, and the loss cannot be split into samples.
        GranularityError: lambda is on, and the samples of the loss are unknown.
    """
    if func.__name__ in context.leave:
        return mark_left_unweighed(func(*args, **kwargs))
    reason = refusal(func, context.criterion_name)
    reason = reason or refusal_of_mixture(func, args, kwargs, context.criterion_name)
    if reason is None:
        return _weigh_outermost(context, func, args, kwargs)
    reduction = reduction_of(func, args, kwargs)
    if func is F.ctc_loss and reduction in ("none", "sum"):
        # Only the mean of ctc_loss divides by the length of each target.
        return _weigh_outermost(context, func, args, kwargs)
    session = context.session
    if not session.is_training or not is_trained_on(args, kwargs):
        return func(*args, **kwargs)
    if reduction == "none":
        # The script may define the samples later, with wrap or weigh(losses).
        session.start_line.note(reason)
        return func(*args, **kwargs)
    context.report_unweighable(reason, reason)
    return mark_left_unweighed(func(*args, **kwargs))


def _weigh_outermost(
    context: CaptureContext, func: Callable[..., Tensor], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Any:
    """Weighs the call once, where captures are nested."""
    session = context.session
    if not session.is_training or must_not_break_graph(session.wants_losses, args):
        return func(*args, **kwargs)
    session.is_weighing = True
    try:
        return _weigh(context, func, args, kwargs)
    finally:
        session.is_weighing = False


@not_compiled
def _weigh(
    context: CaptureContext, func: Callable[..., Tensor], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Tensor:
    session = context.session
    inputs = args or (kwargs.get("input"), kwargs.get("target"))
    # A penalty on a parameter has no samples. A loss that needs no gradient is not trained on.
    if isinstance(inputs[0], nn.Parameter) or not is_trained_on(args, kwargs):
        return func(*args, **kwargs)
    if is_vmapped(inputs[0]):
        reason = "a loss inside of torch.func.vmap sees no batch: weigh(losses) what vmap gives"
        context.report_unweighable("vmap", reason)
        return func(*args, **kwargs)
    elements, result = _elements_and_result(context, func, args, kwargs)
    if elements is None:
        return result
    weighed = _weigh_elements(context, elements, result, inputs)
    if weighed is not None:
        return weighed
    plain = result if session.is_off else func(*args, **kwargs)
    if elements.has_samples:
        return plain
    if context.caller is None and elements.reduction != "none":
        session.pass_over(context.estimate_name(plain), plain)
    return mark_left_unweighed(plain)


def _weigh_elements(
    context: CaptureContext, elements: Elements, result: Tensor, inputs: tuple[Any, ...]
) -> Tensor | None:
    """The weighed loss that the call returns; None if the call returns its plain result.

    `result`: as from `_elements_and_result`. `inputs`: the arguments of the call, input and target first.
    """
    session, criterion = context.session, context.criterion
    if not elements.losses.numel():
        context.note_empty_loss()
        return None
    name = context.estimate_name(result)
    if criterion is not None and criterion.depends_on_other_samples(elements.losses, name):
        report_batch_statistic(session, criterion.criterion_name)
        return None
    selected_rows = None if criterion is not None else selected_rows_of(inputs, session.watch)
    layout = layout_of(inputs, session.watch, selected_rows)
    origin = session.watch.passes.samples_of_loss(inputs)
    granularity: Granularity = "sample" if elements.is_one_per_sample else context.granularity
    if elements.reduction == "none":
        pending = PendingLoss.from_elements(
            elements, result.grad_fn, name, layout, granularity, origin=origin
        )
        unreduced_losses_of(session).begin(result, pending, elements.factors)
        return result
    weighed = weigh_reduced(
        session,
        name,
        elements,
        result,
        granularity=granularity,
        layout=layout,
        origin=origin,
        follow=context.follow,
    )
    if weighed is None and criterion is not None:
        criterion.has_empty_loss = True
    return weighed


def _elements_and_result(
    context: CaptureContext, func: Callable[..., Tensor], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[Elements | None, Tensor]:
    """The unreduced elements of a loss, or None if it is not trained on or has none; and a result.

    The result is that of the script's own call if lambda is off or there are no elements, else the elements.
    """
    if not context.session.is_off:
        elements = elements_of(func, args, kwargs)
        is_trained = elements.losses.requires_grad
        return (elements, elements.losses) if is_trained else (None, func(*args, **kwargs))
    result = func(*args, **kwargs)
    if not result.requires_grad:
        return None, result
    try:
        # The check of a criterion whether its elements depend on several samples needs their graph.
        with torch.set_grad_enabled(context.criterion is not None):
            return elements_of(func, args, kwargs), result
    except _TORCH_ERRORS as error:
        # The script's own call succeeded, so it must not fail because its elements cannot be computed.
        about = f"{func.__name__}: its elements cannot be computed ({error})"
        context.session.start_line.unweighed(func.__name__, about)
        if context.criterion is not None:
            context.criterion.has_unweighed_loss = True
        return None, result


_TORCH_ERRORS = (RuntimeError, ValueError, TypeError, IndexError)
