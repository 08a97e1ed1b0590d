"""What a wrapped criterion gives for one batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.utils.hooks import unserializable_hook

from absgd_worker.attach.capture.capture import Capture
from absgd_worker.attach.capture.compilation import is_left_whole
from absgd_worker.attach.capture.criterion_call import CriterionCall, refuse_statistic, statistic, tensors_in
from absgd_worker.attach.capture.element_factors import hidden_from_captures, say_or_raise
from absgd_worker.attach.capture.follow_to_reduction import follow_to_reduction, unreduced_of
from absgd_worker.attach.capture.left_unweighed import refuse_or_say
from absgd_worker.attach.errors import NotWeighable
from absgd_worker.attach.hooks.backward_terms import mark_known
from absgd_worker.attach.hooks.call_context import is_in_backward
from absgd_worker.attach.provenance.factors_from_graph import factors_of
from absgd_worker.attach.provenance.granularity import Granularity, GranularityError
from absgd_worker.attach.provenance.pending_losses import Fate, Pending
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
    what: str,
    name: str | None,
    granularity: Granularity,
) -> Any:
    """Calls a criterion and weighs what it reduces; what it leaves without reduction is weighed where the
    script reduces it.

    `arguments`: of the call. `what`: the criterion, for people. `name`: of the estimate, where the
    script says it; else each place that uses the criterion has its own.

    A criterion that has no loss of one sample gives what it gives without us while lambda is off, and that is
    said once.

    Raises:
        NotWeighable: lambda is on, and the criterion has no loss of one sample.
    """
    if session.is_in_another_thread():
        return forward()
    before = session.captured
    args, kwargs = arguments
    session.watch.passes.of_criterion((*args, *kwargs.values()))
    call = CriterionCall(session, what, arguments)
    within = None if name is None else weighed_call.__code__
    capture = Capture(session, name=name or "loss", granularity=granularity, criterion=call, within=within)
    pairs = reason_of_pairs(what)
    with capture if pairs is None else hidden_from_captures(session):
        result = forward()
    result, is_weighed = call.settled(result)
    if isinstance(result, Tensor) and result.ndim and result.requires_grad:
        losses = unreduced_of(session)
        if losses.is_known(result) or not is_weighed:
            _follow(result, call, session, capture, what=what, granularity=granularity)
        return result
    if isinstance(result, Tensor) and unreduced_of(session).units.is_open(result):
        # What the script divides the sum by tells the unit of its losses.
        follow_to_reduction(session)
    if is_weighed or call.is_empty or session.captured != before:
        return result
    # A loss that is computed again in the backward pass was weighed in the forward pass.
    if call.is_left or is_left_whole(session.wants_losses, ()) or is_in_backward():
        return result
    refusal = _refusal(result, call, what) if pairs is None else refusal_of_criterion(what, pairs)
    left = [one for one in tensors_in(result) if one.requires_grad]
    if refusal is not None and (left or pairs is None):
        refuse_or_say(session, what, refusal, left)
    return result


def _refusal(result: Any, call: CriterionCall, what: str) -> str | None:
    """Why a call in which nothing was weighed has no loss of one sample; None where it trains nothing."""
    if call.mixes:
        return statistic(what)
    if not isinstance(result, Tensor):
        return (
            f"{what} gives {type(result).__name__}, and not the loss of each sample: take the losses of "
            "samples from it, and weigh them with absgd_worker.weigh(losses)"
        )
    if not result.requires_grad:
        return None
    reason = reason_of_own_reduction(what)
    if reason is not None:
        return refusal_of_criterion(what, reason)
    return (
        f"{what} gives one number for the whole batch, and how it comes from the samples cannot be seen: "
        'give it reduction="none" and weigh its losses with absgd_worker.weigh(losses)'
    )


def _follow(
    result: Tensor,
    call: CriterionCall,
    session: Session,
    capture: Capture,
    *,
    what: str,
    granularity: Granularity,
) -> None:
    """`result`: elements of a loss, of any shape but []."""
    if not result.numel():
        session.note_empty_loss()
        mark_known(result)
        return
    if call.mix_samples(result, "none"):
        refuse_statistic(session, what)
        return
    losses = unreduced_of(session)
    try:
        of = losses.source_of(result)
    except GranularityError as error:
        say_or_raise(session, what, f"{what} none", error)
        return
    if of is None:
        factors = factors_of(result)
        of = Pending(
            capture.name_of_place(result),
            f"{what} none",
            result.grad_fn,
            result.detach(),
            Layout.of(session.watch),
            valid=factors.kept,
            granularity=granularity,
            fate=Fate(),
            origin=session.watch.passes.of_losses(result),
        )
        losses.begin(result, of, factors.of)
    follow_to_reduction(session)
    if not session.is_off:
        _require_reduction(result, of.fate, what)


def _require_reduction(losses: Tensor, fate: Fate, what: str) -> None:
    """Has the backward pass fail that comes by losses that were reduced where nobody saw it."""

    @unserializable_hook
    def check(gradient: Tensor) -> None:
        if not fate.is_reduced:
            raise NotWeighable(
                f"the losses that {what} gave without reduction became one number in a way that is not "
                "followed, and are not weighed: reduce them by mean() or sum(), or weigh them with "
                "absgd_worker.weigh(losses)"
            )

    losses.register_hook(check)
