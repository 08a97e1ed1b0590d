"""What is known of a schedule before the steps of an epoch are: its parts, and the values that bound them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

from absgd_worker.schedules.describe import describe_schedule
from absgd_worker.schedules.durations import NOTHING, Duration, add, describe_duration, is_nothing
from absgd_worker.schedules.errors import ScheduleError
from absgd_worker.schedules.numbers import format_number, sign_of
from absgd_worker.schedules.segments import sided, within
from absgd_worker.schedules.shapes import Bound, Constant, Join, Leaf, Ramp, Scale, Source, Steps


class PlacedLeaf(NamedTuple):
    """A part of a schedule with a single curve, and the duration before it."""

    after: Duration
    shape: Leaf


def leaves_of(source: Source, after: Duration = NOTHING) -> Iterator[PlacedLeaf]:
    """The parts of a schedule in the order of training, without those of duration 0."""
    shape = source.shape
    if isinstance(shape, Scale):
        factor = shape.factor
        for leaf in leaves_of(shape.source, after):
            yield _mapped(leaf, lambda value: _product(value, factor))
    elif isinstance(shape, Bound):
        bounds = shape.bounds
        for leaf in leaves_of(shape.source, after):
            yield _mapped(leaf, lambda value: within(value, bounds))
    elif isinstance(shape, Join):
        start = after
        for part in shape.parts:
            if part.duration is not None and is_nothing(part.duration):
                continue
            yield from leaves_of(part, start)
            if part.duration is not None:
                start = add(start, part.duration)
    else:
        yield PlacedLeaf(after, shape)


def uses_epochs(source: Source) -> bool:
    """Whether any duration in a schedule is in epochs."""
    own = source.duration is not None and source.duration.epochs > 0
    shape = source.shape
    if isinstance(shape, (Scale, Bound)):
        return own or uses_epochs(shape.source)
    if isinstance(shape, Ramp):
        return own or shape.over.epochs > 0
    if isinstance(shape, Steps):
        return own or any(boundary.epochs > 0 for boundary, _ in shape.at)
    if isinstance(shape, Join):
        return own or any(map(uses_epochs, shape.parts))
    return own


def is_ever_on(source: Source) -> bool:
    """Whether the values include a finite number."""
    return any(math.isfinite(value) for leaf in leaves_of(source) for value, _ in _ends_of(leaf))


def constant_value(source: Source) -> float | None:
    """The value, if it is one number at all steps; else None."""
    is_constant = isinstance(source.shape, Constant) and source.duration is None
    return source.shape.value if is_constant and isinstance(source.shape, Constant) else None


def check_control(name: str, source: Source) -> None:
    """Checks the values of a control, "lambda" or "gamma", at the ends of each curve, which bound those
    between.

    Raises:
        ScheduleError: a value outside of the permitted range, or lambda crosses 0.
    """
    permitted, holds = RANGES[name]
    for leaf in leaves_of(source):
        part = describe_schedule(Source(leaf.shape))
        for value, after in _ends_of(leaf):
            if not holds(value):
                where = "" if isinstance(leaf.shape, Constant) else f', in "{part}"'
                raise ScheduleError(
                    f"{name} is {format_number(value)} {_point(after)}{where}", f"{name} takes {permitted}"
                )
        if name == "lambda" and _crosses_zero(leaf.shape):
            raise ScheduleError(
                f'lambda crosses 0 in "{part}", which begins {_point(leaf.after)}',
                "lambda takes numbers other than 0: change sign by way of off(), such as "
                "join(exponential(…).for(…), off().for(…), …)",
            )


def _ends_of(leaf: PlacedLeaf) -> Iterator[tuple[float, Duration]]:
    """The values that bound a leaf, with the time of each."""
    after, shape = leaf
    match shape:
        case Constant(value):
            yield value, after
        case Ramp():
            if not is_nothing(shape.over):
                yield shape.init, after
            yield shape.end, add(after, shape.over)
        case Steps(init, at):
            yield init, after
            for boundary, value in at:
                yield value, add(after, boundary)


def _crosses_zero(shape: Leaf) -> bool:
    return (
        isinstance(shape, Ramp) and not is_nothing(shape.over) and sign_of(shape.init) != sign_of(shape.end)
    )


def _point(after: Duration) -> str:
    return f"at step {after.steps}" if after.epochs == 0 else f"after {describe_duration(after)}"


def _mapped(leaf: PlacedLeaf, change: Callable[[float], float]) -> PlacedLeaf:
    """The leaf with `change` applied to its end values, and so to the curve between them."""
    after, shape = leaf
    match shape:
        case Constant(value):
            return PlacedLeaf(after, Constant(change(value)))
        case Ramp():
            init, end = sided(shape.init, shape.end)
            return PlacedLeaf(after, shape._replace(init=change(init), end=change(end)))
        case Steps(init, at):
            first = change(init)
            return PlacedLeaf(after, Steps(first, tuple((boundary, change(value)) for boundary, value in at)))


def _product(value: float, factor: float) -> float:
    scaled = value * factor
    lost = (scaled == 0 and value != 0) or (not math.isfinite(scaled) and math.isfinite(value))
    if not lost:
        return scaled
    raise ScheduleError(
        f"{format_number(value)} scaled by {format_number(factor)} cannot be represented as a number"
    )


RANGES: dict[str, tuple[str, Callable[[float], bool]]] = {
    "lambda": (
        "numbers other than 0; off() or ±Infinity is plain SGD",
        lambda value: not math.isnan(value) and value != 0,
    ),
    "gamma": ("numbers above 0, at most 1", lambda value: 0 < value <= 1),
}
"""The permitted values of a control, in words and as a function."""
