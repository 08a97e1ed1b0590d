"""Durations of training in epochs, steps or both. They become steps once the steps of an epoch are known."""

from __future__ import annotations

import math
from typing import NamedTuple

from absgd_worker.schedules.errors import ScheduleError
from absgd_worker.schedules.numbers import format_number, is_step_count


class Duration(NamedTuple):
    """The sum of its two parts."""

    epochs: float
    """From 0; fractions are permitted."""
    steps: int


NOTHING = Duration(0, 0)


def epochs(count: float) -> Duration:
    """`count` passes over the training data, from 0."""
    if math.isfinite(count) and count >= 0:
        return Duration(count, 0)
    raise ScheduleError(
        f"epochs({format_number(count)}) is no duration",
        "epochs takes a finite number from 0; fractions are permitted",
    )


def step_count(count: float) -> Duration:
    """`count` optimizer steps: a whole number from 0."""
    if is_step_count(count):
        return Duration(0, int(count))
    raise ScheduleError(
        f"steps({format_number(count)}) is no duration", "a number of steps is a whole number from 0"
    )


def duration_of(value: object, what: str) -> Duration:
    """A number of steps, or a duration, as a duration.

    Raises:
        ScheduleError: it names `what`.
    """
    if isinstance(value, Duration):
        return value
    if isinstance(value, (int, float)):
        if is_step_count(value):
            return step_count(value)
        raise ScheduleError(
            f"{what} is {format_number(value)}",
            "it takes epochs(n), or a number of steps, which is a whole number from 0",
        )
    raise ScheduleError(f"{what} is no duration", "give epochs(n), steps(n), or a number of steps")


def add(a: Duration, b: Duration) -> Duration:
    return Duration(a.epochs + b.epochs, a.steps + b.steps)


def is_nothing(duration: Duration) -> bool:
    return duration.epochs == 0 and duration.steps == 0


def is_surely_shorter(a: Duration, b: Duration) -> bool:
    """Whether `a` is shorter than `b` for any number of steps in an epoch."""
    return a.epochs <= b.epochs and a.steps <= b.steps and a != b


def to_steps(duration: Duration, steps_per_epoch: int) -> int:
    """A duration in whole steps, at least 1 unless it is 0. `steps_per_epoch`: 0 if it is unknown.

    Raises:
        ScheduleError: the duration has epochs, and their length is unknown.
    """
    if duration.epochs > 0 and steps_per_epoch == 0:
        raise ScheduleError(
            f"{describe_duration(duration)} cannot be converted to steps: nothing tells how many steps an "
            "epoch has",
            "set steps_per_epoch (--steps-per-epoch), track the loader, or use steps",
        )
    exact = duration.epochs * steps_per_epoch + duration.steps
    if exact > 2**53 - 1:
        raise ScheduleError(f"{describe_duration(duration)} is more than 2^53 steps")
    return 0 if is_nothing(duration) else max(1, round_half_up(exact))


def round_half_up(value: float) -> int:
    """As `Math.round` of JavaScript, for a number from 0."""
    whole = math.floor(value)
    return whole if value - whole < 0.5 else whole + 1


def describe_duration(duration: Duration) -> str:
    """ "5 epochs", "1 step", "2 epochs and 10 steps"."""
    parts = [_counted(duration.epochs, "epoch")] if duration.epochs > 0 else []
    if duration.steps > 0 or duration.epochs == 0:
        parts.append(_counted(duration.steps, "step"))
    return " and ".join(parts)


def _counted(count: float, unit: str) -> str:
    return f"{format_number(count)} {unit}{'' if count == 1 else 's'}"
