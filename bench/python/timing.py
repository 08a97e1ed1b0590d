"""Timing of things against each other: in one process, in random order, so that all meet the same machine."""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from statistics import mean, median
from typing import NamedTuple


class Interval(NamedTuple):
    """A figure and its bootstrap 95 % interval."""

    value: float
    low: float
    high: float


def interleaved(
    arms: Mapping[str, Callable[[], object]],
    *,
    rounds: int,
    calls: int,
    clock: Callable[[], float] = time.thread_time,
) -> dict[str, list[float]]:
    """Seconds of this thread's CPU a call, a number a round and arm; a round is `calls` of every arm.

    CPU time is what a call costs: on a quiet machine the time that passes, on a busy one not much more. What
    other processes do for a call is only in the time that passes: `clock=time.perf_counter`.
    """
    order = list(arms)
    dice = random.Random(0)
    seconds: dict[str, list[float]] = {name: [] for name in order}
    for name in order:
        _time(arms[name], calls, clock)
    for _ in range(rounds):
        dice.shuffle(order)
        for name in order:
            seconds[name].append(_time(arms[name], calls, clock))
    return seconds


def median_ratio(numerators: Sequence[float], denominators: Sequence[float]) -> Interval:
    """The median over rounds of one arm's time over the other's."""
    ratios = [over / under for over, under in zip(numerators, denominators, strict=True)]
    return _bootstrap(ratios, median)


def mean_ratio(numerators: Sequence[float], denominators: Sequence[float]) -> Interval:
    """One arm's whole time over the other's: what is rare and long counts, too. Resampled by pairs."""
    pairs = list(zip(numerators, denominators, strict=True))
    return _bootstrap(pairs, lambda some: sum(over for over, _ in some) / sum(under for _, under in some))


def median_gain_ratio(
    these: tuple[Sequence[float], Sequence[float]], those: tuple[Sequence[float], Sequence[float]]
) -> Interval:
    """What the first pair gains (before over after) over what the second gains, from medians over rounds.

    The times that are compared directly are the two before and the two after, which are about as long: what
    else the machine does falls on both.
    """

    def statistic(rounds: list[tuple[float, float, float, float]]) -> float:
        before = median(this / that for this, _, that, _ in rounds)
        after = median(this / that for _, this, _, that in rounds)
        return before / after

    return _bootstrap(list(zip(*these, *those, strict=True)), statistic)


def mean_difference(these: Sequence[float], those: Sequence[float]) -> Interval:
    """By how much the first are larger on average. Resampled by pairs."""
    return _bootstrap([this - that for this, that in zip(these, those, strict=True)], mean)


def report(**numbers: object) -> None:
    """Hands the measured numbers to whoever started this process."""
    json.dump(numbers, sys.stdout)
    print()


def _time(call: Callable[[], object], calls: int, clock: Callable[[], float]) -> float:
    began = clock()
    for _ in range(calls):
        call()
    return (clock() - began) / calls


def _bootstrap(items: list, statistic: Callable[[list], float]) -> Interval:
    dice = random.Random(0)
    drawn = sorted(statistic(dice.choices(items, k=len(items))) for _ in range(RESAMPLES))
    return Interval(statistic(items), drawn[round(0.025 * RESAMPLES)], drawn[round(0.975 * RESAMPLES) - 1])


RESAMPLES = 2000
