"""Whether paired differences show an effect: Student's t for their mean, and a verdict in words.

The same intervals as `absgd compare` (`src/statistics/mean-and-interval.ts`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from absgd_worker.schedules import format_number


class Verdict(NamedTuple):
    """What differences say."""

    mean: float
    low: float | None
    """The 95 % interval of the mean, mean ± t(0.975, n - 1)·sd/√n; None for fewer than three differences."""
    high: float | None
    words: str


def mean_and_deviation(values: Sequence[float]) -> tuple[float, float]:
    """The mean, and the sample standard deviation with n - 1; NaN for one value."""
    mean = math.fsum(values) / len(values)
    if len(values) < 2:
        return mean, math.nan
    return mean, math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def verdict(gains: Sequence[float], matters: float) -> Verdict:
    """The verdict over paired differences, each above 0 where lambda is better.

    If the interval contains 0, the number of further seeds is the smallest with which an effect of the size
    that was found, or of `matters` if that is larger, would be outside of it at the same standard deviation.
    """
    mean, deviation = mean_and_deviation(gains)
    if not math.isfinite(mean):
        return Verdict(mean, None, None, "cannot tell: a value is not finite")
    if len(gains) < LEAST:
        return Verdict(mean, None, None, f"cannot tell yet: {_more(LEAST - len(gains))} at least")
    half = t_quantile(len(gains) - 1) * deviation / math.sqrt(len(gains))
    low, high = mean - half, mean + half
    if low > 0:
        return Verdict(mean, low, high, "helps")
    if high < 0:
        return Verdict(mean, low, high, "hurts")
    if half < matters:
        return Verdict(mean, low, high, f"makes no difference that matters ({format_number(matters)})")
    more = _seeds_for(max(abs(mean), matters), deviation) - len(gains)
    return Verdict(mean, low, high, f"cannot tell yet: about {_more(max(1, more))}")


def t_quantile(degrees: int) -> float:
    """The 0.975 quantile of Student's t with `degrees` degrees of freedom, from 1."""
    low, high = 1.9, 13.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        if _t_cdf(middle, degrees) < 0.975:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _t_cdf(t: float, degrees: int) -> float:
    """For t > 0, by the finite series in θ = atan(t/√ν): Abramowitz and Stegun, 26.7.3 and 26.7.4."""
    theta = math.atan(t / math.sqrt(degrees))
    cosine, sine = math.cos(theta), math.sin(theta)
    term = cosine if degrees % 2 else 1.0
    total = term if degrees > 1 else 0.0
    for k in range(3 if degrees % 2 else 2, degrees - 1, 2):
        term *= cosine * cosine * (k - 1) / k
        total += term
    inside = 2 / math.pi * (theta + sine * total) if degrees % 2 else sine * total
    return 0.5 + inside / 2


def _more(seeds: int) -> str:
    return "1 more seed" if seeds == 1 else f"{seeds} more seeds"


def _seeds_for(effect: float, deviation: float) -> int:
    for seeds in range(LEAST, MOST_SEEDS):
        if t_quantile(seeds - 1) * deviation / math.sqrt(seeds) < effect:
            return seeds
    return MOST_SEEDS


LEAST = 3
MOST_SEEDS = 1000
