"""The type of a schedule: a value over training. Its durations are symbolic until the steps of an epoch are
known."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

from absgd_worker.schedules.durations import Duration

Curve = Literal["linear", "cosine", "exponential"]
Space = Literal["value", "log", "inverse"]
"""The quantity that a curve is applied to: the value, log |value| or 1/value."""


class Bounds(NamedTuple):
    """Bounds of |value|; the sign stays the same."""

    min: float
    max: float


class Constant(NamedTuple):
    value: float


class Ramp(NamedTuple):
    """From `init` to `end`, which it then keeps."""

    curve: Curve
    init: float
    end: float
    over: Duration
    space: Space


class Steps(NamedTuple):
    """`init`, then each value of `at` from its boundary on."""

    init: float
    at: tuple[tuple[Duration, float], ...]


class Join(NamedTuple):
    """One schedule after the other. All but the last have an end."""

    parts: tuple[Source, ...]


class Scale(NamedTuple):
    """Every value of another schedule, multiplied by a factor."""

    source: Source
    factor: float


class Bound(NamedTuple):
    """Every value of another schedule, limited to bounds."""

    source: Source
    bounds: Bounds


Shape: TypeAlias = "Constant | Ramp | Steps | Join | Scale | Bound"
Leaf: TypeAlias = "Constant | Ramp | Steps"


class Source(NamedTuple):
    """A schedule.

    Attributes:
        duration: where it ends; None: it has a value for every step.
    """

    shape: Shape
    duration: Duration | None = None
