"""Weighs a call of a loss of `torch.nn.functional` that reduces its elements itself."""

from __future__ import annotations

from torch import Tensor

from absgd_worker.attach.capture.element_factors import (
    factors_of_elements,
    hidden_from_captures,
    say_or_raise,
)
from absgd_worker.attach.capture.follow_to_reduction import unreduced_of
from absgd_worker.attach.provenance.divided_sums import Follow, Unit, last_alone
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
    """What the call is to give; None where no sample counts, and where lambda is off and which samples there
    are cannot be told. `result`: of the call, where lambda is off.

    Raises:
        GranularityError: lambda is on, and which samples there are cannot be told.
    """
    try:
        grouping = group_elements(
            elements.plain, elements.valid, granularity, layout, factors=elements.factors
        )
    except GranularityError as error:
        say_or_raise(session, name, elements.about, error)
        return None
    units = unreduced_of(session).units
    unit: Unit = "mean" if elements.reduction == "mean" else "sum"
    if elements.reduction == "sum":
        unit = units.of_sum(name)

    def weigh(unit: Unit, follow: Follow) -> Tensor | None:
        with hidden_from_captures(session):
            return _weighed(
                session, name, elements, result, grouping, unit=unit, origin=origin, follow=follow
            )

    again = last_alone(session.forget, weigh)
    weighed = again(unit, follow)
    if weighed is not None and elements.reduction == "sum" and unit == "sum":
        units.begin(weighed, name, grouping, again, elements.factors)
    return weighed


def _weighed(
    session: Session,
    name: str,
    elements: Elements,
    result: Tensor,
    grouping: Grouping,
    *,
    unit: Unit,
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
    )
    if factors is None:
        return None
    if not session.is_off:
        # Of mean 1 over the samples, where the weights add up to 1.
        total = (elements.losses * factors).sum()
        if elements.reduction != "sum":
            total = total / elements.denominator
        result = total.to(elements.losses.dtype)
    use = session.take_use()
    if use is not None:
        follow(result, use)
    return result
