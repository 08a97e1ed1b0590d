"""The first losses of a run: later losses are compared with them, so that their unit does not matter. Pure.

The same rules as in `src/schedule/feedback/first-losses.ts`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple


class StepFigures(NamedTuple):
    """The figures of one step."""

    step: int
    lam: float
    """The lambda that was applied; ±inf is off."""
    n: int
    """How many samples the batch has."""
    mean_loss: float
    """The unweighted mean."""
    ess_ratio: float
    """The effective sample size divided by n, in (0, 1]."""
    weighted_loss: float
    """Σwℓ/Σw."""


class Beginning(NamedTuple):
    """The first losses of a run."""

    steps: int = 0
    """How many mean losses were counted, at most `FIRST_STEPS`."""
    total: float = 0.0
    """The sum of those mean losses."""
    loss: float = 0.0
    """The first mean loss."""
    is_even: bool = False
    """Whether the losses of the first batch were alike. Known only if lambda was small at that step."""
    early: float = 0.0
    """The least mean over the first k steps, for k up to `FEW_STEPS`: the loss before anything is learnt."""
    least: float = 0.0
    """The same for k up to `FIRST_STEPS`. A loss that diverges at once does not raise it."""
    least_steps: int = 0
    """The k of `least`; 0 while there is none."""


def with_step(first: Beginning, seen: StepFigures) -> Beginning:
    """The beginning with one more step."""
    loss = seen.mean_loss
    if first.steps >= FIRST_STEPS or not math.isfinite(loss):
        return first
    if first.steps == 0:
        is_known_even = is_small(seen.lam, loss) and is_even(seen)
        first = first._replace(loss=loss, early=loss, is_even=is_known_even)
    steps, total = first.steps + 1, first.total + loss
    first = first._replace(steps=steps, total=total)
    mean = total / steps
    # If losses are unequal, the means of a few batches may all be low by chance.
    if steps < FEW_STEPS and not first.is_even:
        return first
    if first.least_steps > 0 and mean > first.least:
        return first
    early = mean if steps <= FEW_STEPS else first.early
    return first._replace(early=early, least=mean, least_steps=steps)


def is_even(seen: StepFigures) -> bool:
    """Whether the losses of a batch are alike, judged under a small lambda.

    The losses of a trained model differ from the first batch on. If lambda is too small for the ESS to show
    it, the weighted mean shows it.
    """
    gap = abs(seen.mean_loss - seen.weighted_loss)
    return seen.ess_ratio > EVEN_ESS_RATIO or gap < EVEN_GAP * abs(seen.mean_loss)


def is_small(lam: float, loss: float) -> bool:
    """Whether |lambda| is small compared with a loss."""
    return abs(lam) < COLD_BELOW * abs(loss)


def times_of(loss: float, times: float) -> float:
    """`times` as much as a loss. Where the loss is below 0, more means higher too."""
    return loss + (times - 1) * abs(loss)


def mean_of(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan


FIRST_STEPS = 100
FEW_STEPS = 10
EVEN_ESS_RATIO = 0.9
EVEN_GAP = 0.25
COLD_BELOW = 1.0
