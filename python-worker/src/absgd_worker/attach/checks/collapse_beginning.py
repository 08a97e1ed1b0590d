"""What a run began with, against which all else is measured: units of loss do not matter. Pure.

The twin of `src/schedule/feedback/beginning.ts`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple


class SeenStep(NamedTuple):
    """What is looked at of one step."""

    step: int
    lam: float
    """As applied; ±inf is off."""
    n: int
    """Samples of the batch."""
    mean_loss: float
    """Unweighted."""
    ess_ratio: float
    """Effective sample size over n, in (0, 1]."""
    weighted_loss: float
    """Σwℓ/Σw."""


class Beginning(NamedTuple):
    """What the run began with: the measure of everything else, so that units of loss do not matter."""

    steps: int = 0
    """Mean losses that were counted, at most `FIRST_STEPS`."""
    total: float = 0.0
    """Of those mean losses."""
    loss: float = 0.0
    """The first mean loss."""
    is_even: bool = False
    """Whether the losses of the first batch were alike: known where lambda was small then."""
    early: float = 0.0
    """The least of the means over the first k steps, k at most `FEW_STEPS`: before anything is learnt."""
    least: float = 0.0
    """The same, k at most `FIRST_STEPS`: a loss that runs away at once does not raise it."""
    least_steps: int = 0
    """That k; 0 while there is none."""


def with_step(first: Beginning, seen: SeenStep) -> Beginning:
    loss = seen.mean_loss
    if first.steps >= FIRST_STEPS or not math.isfinite(loss):
        return first
    if first.steps == 0:
        is_known_even = is_small(seen.lam, loss) and is_even(seen)
        first = first._replace(loss=loss, early=loss, is_even=is_known_even)
    steps, total = first.steps + 1, first.total + loss
    first = first._replace(steps=steps, total=total)
    mean = total / steps
    # A few batches of unequal losses may all be lucky ones.
    if steps < FEW_STEPS and not first.is_even:
        return first
    if first.least_steps > 0 and mean > first.least:
        return first
    early = mean if steps <= FEW_STEPS else first.early
    return first._replace(early=early, least=mean, least_steps=steps)


def is_even(seen: SeenStep) -> bool:
    """Whether the losses of a batch are alike, given a small lambda: those of a model that was trained before
    differ from the first batch on. Where lambda is too small for an ESS to tell, the weighted mean does."""
    gap = abs(seen.mean_loss - seen.weighted_loss)
    return seen.ess_ratio > EVEN_ESS_RATIO or gap < EVEN_GAP * abs(seen.mean_loss)


def is_small(lam: float, loss: float) -> bool:
    return abs(lam) < COLD_BELOW * abs(loss)


def times_of(loss: float, times: float) -> float:
    """`times` as much as a loss that may be below 0, where more is always higher."""
    return loss + (times - 1) * abs(loss)


def mean_of(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan


FIRST_STEPS = 100
FEW_STEPS = 10
EVEN_ESS_RATIO = 0.9
EVEN_GAP = 0.25
COLD_BELOW = 1.0
