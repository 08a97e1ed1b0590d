"""Weighs a loss of `torch.nn.functional` that reduces its elements itself, by "mean" or "sum"."""

from __future__ import annotations

from torch import Tensor

from absgd_worker.attach.capture.element_factors import factors_of_elements
from absgd_worker.attach.capture.follow_to_reduction import unreduced_losses_of
from absgd_worker.attach.capture.hidden_from_captures import hidden_from_captures
from absgd_worker.attach.capture.left_unweighed import report_unknown_samples
from absgd_worker.attach.provenance.divided_sums import Follow, LossUnit, replace_previous_weighing
from absgd_worker.attach.provenance.functional_losses import Elements
from absgd_worker.attach.provenance.granularity import Granularity, GranularityError, Grouping, group_elements
from absgd_worker.attach.provenance.sample_layout import Layout
from absgd_worker.attach.samples.sample_identity import Identity
from absgd_worker.attach.samples.sample_origin import Origin
from absgd_worker.attach.session.session import Session


def weigh_reduced(
    session: Session,
    name: str,
    elements: Elements,
    result: Tensor,
    *,
    granularity: Granularity,
    layout: Layout,
    origin: Origin | None,
    follow: Follow,
) -> Tensor | None:
    """The weighed loss, of shape []; while lambda is off, `result` unchanged.

    None if no sample counts, or if lambda is off and the samples of the loss are unknown.

    Args:
        name: the estimate of the loss.
        elements: the loss before its reduction.
        result: the result of the script's own call, if lambda is off.
        origin: which samples of the data set the batch holds; None if that is not certain.
        follow: called with the result, and with the record of whether it is trained on.

    Raises:
        GranularityError: lambda is on, and the samples of the loss are unknown.
    """
    try:
        grouping = group_elements(
            elements.plain, elements.valid, granularity, layout, factors=elements.factors
        )
    except GranularityError as error:
        report_unknown_samples(session, name, elements.about, error)
        return None
    sums = unreduced_losses_of(session).sums
    unit: LossUnit = "mean" if elements.reduction == "mean" else "sum"
    if elements.reduction == "sum":
        unit = sums.unit_of(name)

    def weigh(unit: LossUnit, follow: Follow) -> Tensor | None:
        with hidden_from_captures(session):
            return _weighed(
                session, name, elements, result, grouping, unit=unit, origin=origin, follow=follow
            )

    weigh_again = replace_previous_weighing(session.forget, weigh)
    weighed = weigh_again(unit, follow)
    if weighed is not None and elements.reduction == "sum" and unit == "sum":
        sums.begin(weighed, name, grouping, weigh_again, elements.factors)
    return weighed


def _weighed(
    session: Session,
    name: str,
    elements: Elements,
    result: Tensor,
    grouping: Grouping,
    *,
    unit: LossUnit,
    origin: Origin | None,
    follow: Follow,
) -> Tensor | None:
    factors = factors_of_elements(
        session,
        name,
        elements.about,
        grouping.summed() if unit == "sum" else grouping,
        elements.plain,
        identity=Identity(labels=elements.label),
        origin=origin,
        is_own=True,
    )
    if factors is None:
        return None
    if not session.is_off:
        # The factors have mean 1 over the samples if the weights add up to 1.
        total = (elements.losses * factors).sum()
        if elements.reduction != "sum":
            total = total / elements.denominator
        result = total.to(elements.losses.dtype)
    use = session.take_use()
    if use is not None:
        follow(result, use)
    return result
