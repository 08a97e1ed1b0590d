"""The spread of the losses of batches, and the lambda at which their weights have an effective sample size.

Shapes: B samples of a batch; a batch has at least one. The same arithmetic in the same order as
`src/schedule/recipe/spread.ts`: sums are from left to right, which `sum()` of newer Pythons is not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

Losses = Sequence[float]


def is_usable(losses: Losses) -> bool:
    """Whether a batch counts: two samples or more, and all losses finite."""
    return len(losses) >= 2 and all(map(math.isfinite, losses))


def mean_and_deviation(losses: Losses) -> tuple[float, float]:
    """The mean of a batch, and its standard deviation (divided by B)."""
    mean = _sum(losses) / len(losses)
    variance = _sum((loss - mean) * (loss - mean) for loss in losses) / len(losses)
    return mean, math.sqrt(variance)


def ess_ratio(losses: Losses, lam: float) -> float:
    """ESS/B of the weights softmax(losses/lambda), in [1/B, 1], for lambda other than 0."""
    pivot = max(losses) if lam > 0 else min(losses)
    total, squares = 0.0, 0.0
    for loss in losses:
        weight = math.exp((loss - pivot) / lam)
        total += weight
        squares += weight * weight
    return total * total / squares / len(losses)


def mean_ess_ratio(batches: Sequence[Losses], lam: float) -> float:
    """The mean over batches."""
    return _sum(ess_ratio(losses, lam) for losses in batches) / len(batches)


class Share(NamedTuple):
    """A share of samples: its mean over batches, and the standard error of that mean."""

    mean: float
    error: float


def share_of(shares: Sequence[float]) -> Share:
    """Of the shares of two batches or more."""
    mean, deviation = mean_and_deviation(shares)
    return Share(mean, deviation / math.sqrt(max(1, len(shares) - 1)))


def share_above(batches: Sequence[Losses], limit: float) -> Share:
    """The share of samples whose loss is above a limit."""
    return share_of([sum(loss > limit for loss in losses) / len(losses) for losses in batches])


def mean_easy_loss(batches: Sequence[Losses]) -> float:
    """The loss below which a tenth of a batch lies; the mean over batches."""
    return _sum(sorted(losses)[len(losses) // 10] for losses in batches) / len(batches)


def share_turned_away(batches: Sequence[Losses], lam: float) -> Share:
    """1 - ESS/B. If lambda leaves some samples without weight and changes no other, it is their share."""
    return share_of([1 - ess_ratio(losses, lam) for losses in batches])


def solve_lambda(batches: Sequence[Losses], ratio: float, sign: int) -> float | None:
    """The lambda of this sign at which the mean ESS ratio of usable batches is `ratio`, by bisection.

    It does not fall as |lambda| grows. None: no lambda has that ratio, because losses are equal.
    """
    widest = max((max(losses) - min(losses) for losses in batches), default=0.0)
    if widest == 0:
        return None
    low, high = widest / REACH, widest * REACH
    if mean_ess_ratio(batches, sign * low) > ratio:
        return None
    while high / low > 1 + PRECISION:
        middle = math.sqrt(low) * math.sqrt(high)
        if mean_ess_ratio(batches, sign * middle) < ratio:
            low = middle
        else:
            high = middle
    return sign * high


def _sum(values: Sequence[float] | Iterator[float]) -> float:
    total = 0.0
    for value in values:
        total += value
    return total


REACH = 1e3
"""Factor between the bounds of |lambda| and the largest range of losses in a batch."""
PRECISION = 1e-5
"""Relative precision of lambda, of which two digits are used."""
