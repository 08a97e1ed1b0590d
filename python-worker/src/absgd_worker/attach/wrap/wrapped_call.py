"""Calls a wrapped criterion for one batch, and weighs the losses in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.utils.hooks import unserializable_hook

from absgd_worker.attach.capture.capture import Capture
from absgd_worker.attach.capture.compilation import must_not_break_graph
from absgd_worker.attach.capture.criterion_call import (
    CriterionCall,
    batch_statistic_message,
    report_batch_statistic,
)
from absgd_worker.attach.capture.follow_to_reduction import follow_to_reduction, unreduced_losses_of
from absgd_worker.attach.capture.hidden_from_captures import hidden_from_captures
from absgd_worker.attach.capture.left_unweighed import report_unknown_samples, report_unweighable
from absgd_worker.attach.capture.nested_tensors import tensors_in
from absgd_worker.attach.errors import NotWeighable
from absgd_worker.attach.hooks.backward_terms import mark_known
from absgd_worker.attach.hooks.call_context import is_in_backward
from absgd_worker.attach.provenance.factors_from_graph import factors_from_graph
from absgd_worker.attach.provenance.granularity import Granularity, GranularityError
from absgd_worker.attach.provenance.pending_losses import PendingLoss, ReductionState
from absgd_worker.attach.provenance.sample_layout import Layout
from absgd_worker.attach.provenance.unweighable_criteria import (
    reason_of_own_reduction,
    reason_of_pairs,
    refusal_of_criterion,
)
from absgd_worker.attach.session.session import Session


def weighed_call(
    forward: Callable[[], Any],
    arguments: tuple[tuple[Any, ...], dict[str, Any]],
    session: Session,
    *,
    criterion_name: str,
    name: str | None,
    granularity: Granularity,
) -> Any:
    """Calls a criterion and weighs the losses that it reduces.

    Losses that it leaves without reduction are weighed where the script reduces them. A criterion that has no
    loss of one sample returns its plain result while lambda is off, and that is printed once.

    Args:
        forward: calls the criterion.
        arguments: the arguments of the call.
        criterion_name: the name of the criterion, for people.
        name: the name of the estimate, if the script gives one; else each place that calls the criterion has
            an estimate of its own.

    Raises:
        NotWeighable: lambda is on, and the criterion has no loss of one sample.
        GranularityError: lambda is on, and the samples of a loss are unknown.
    """
    if session.is_in_another_thread():
        return forward()
    captured_before = session.captured
    args, kwargs = arguments
    session.watch.passes.note_criterion((*args, *kwargs.values()))
    call = CriterionCall(session, criterion_name, arguments)
    caller = None if name is None else weighed_call.__code__
    capture = Capture(session, name=name or "loss", granularity=granularity, criterion=call, caller=caller)
    pairs = reason_of_pairs(criterion_name)
    with capture if pairs is None else hidden_from_captures(session):
        result = forward()
    result, is_weighed = call.finish(result)
    if isinstance(result, Tensor) and result.ndim and result.requires_grad:
        if unreduced_losses_of(session).is_known(result) or not is_weighed:
            _follow_unreduced(result, call, capture)
        return result
    if isinstance(result, Tensor) and unreduced_losses_of(session).sums.may_be_divided(result):
        # The number by which the script divides the sum shows whether it is a mean.
        follow_to_reduction(session)
    if is_weighed or call.has_empty_loss or session.captured != captured_before:
        return result
    # A loss that is computed again in the backward pass was weighed in the forward pass.
    if call.has_unweighed_loss or must_not_break_graph(session.wants_losses, ()) or is_in_backward():
        return result
    refusal = _refusal(result, call) if pairs is None else refusal_of_criterion(criterion_name, pairs)
    trained = [tensor for tensor in tensors_in(result) if tensor.requires_grad]
    if refusal is not None and (trained or pairs is None):
        report_unweighable(session, criterion_name, refusal, trained)
    return result


def _refusal(result: Any, call: CriterionCall) -> str | None:
    """Why a call in which nothing was weighed has no loss of one sample; None if its result is not
    trained."""
    criterion_name = call.criterion_name
    if call.has_mixed_samples:
        return batch_statistic_message(criterion_name)
    if not isinstance(result, Tensor):
        return (
            f"{criterion_name} gives {type(result).__name__}, and not the loss of each sample: take the "
            "losses of the samples from it, and weigh them with absgd_worker.weigh(losses)"
        )
    if not result.requires_grad:
        return None
    reason = reason_of_own_reduction(criterion_name)
    if reason is not None:
        return refusal_of_criterion(criterion_name, reason)
    return (
        f"{criterion_name} gives one number for the whole batch, and its computation from the samples is not "
        'visible: give it reduction="none" and weigh its losses with absgd_worker.weigh(losses)'
    )


def _follow_unreduced(result: Tensor, call: CriterionCall, capture: Capture) -> None:
    """Follows the unreduced losses `result`, of any shape but [], to where the script reduces them."""
    context, criterion_name = capture.context, call.criterion_name
    session = context.session
    if not result.numel():
        session.note_empty_loss()
        mark_known(result)
        return
    if call.depends_on_other_samples(result, "none"):
        report_batch_statistic(session, criterion_name)
        return
    losses = unreduced_losses_of(session)
    about = f"{criterion_name} none"
    try:
        pending = losses.pending_loss_of(result)
    except GranularityError as error:
        report_unknown_samples(session, criterion_name, about, error)
        return
    if pending is None:
        multiplied = factors_from_graph(result)
        pending = PendingLoss(
            context.estimate_name(result),
            about,
            result.grad_fn,
            result.detach(),
            Layout.of(session.watch),
            valid=multiplied.kept,
            granularity=context.granularity,
            state=ReductionState(),
            origin=session.watch.passes.samples_of_losses(result),
        )
        losses.begin(result, pending, multiplied.factors)
    follow_to_reduction(session)
    if not session.is_off:
        _require_reduction(result, pending.state, criterion_name)


def _require_reduction(losses: Tensor, state: ReductionState, criterion_name: str) -> None:
    """Makes the backward pass of `losses` raise NotWeighable if their reduction was not seen."""

    @unserializable_hook
    def check(gradient: Tensor) -> None:
        if not state.is_reduced:
            raise NotWeighable(
                f"the losses that {criterion_name} gave without reduction were reduced by an operation that "
                "is not followed, and are not weighed: reduce them by mean() or sum(), or weigh them with "
                "absgd_worker.weigh(losses)"
            )

    losses.register_hook(check)
