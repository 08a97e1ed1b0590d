"""A schedule as segments of steps, each with a single curve."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from absgd_worker.schedules.durations import Duration, add, describe_duration, is_nothing, to_steps
from absgd_worker.schedules.elementary import cos_pi, exp, log
from absgd_worker.schedules.errors import ScheduleError
from absgd_worker.schedules.numbers import higher, lower, sign_of
from absgd_worker.schedules.shapes import (
    Bound,
    Bounds,
    Constant,
    Curve,
    Join,
    Ramp,
    Scale,
    Shape,
    Source,
    Space,
    Steps,
)

Values = Callable[[float], float]


class Segment(NamedTuple):
    """The steps from `begin` up to, not including, `end_step`."""

    begin: int
    end_step: float
    """inf if it has no end."""
    curve: Curve | Literal["constant"]
    init: float
    """Value at `begin`."""
    end: float
    """Value at `begin + over`."""
    over: int
    """Steps from `init` to `end`; 0 for a constant."""
    space: Space = "value"
    bounds: tuple[Bounds, ...] = ()
    """Its values are limited to these, one after the other."""


class _Mark(NamedTuple):
    """A point of training, as a symbolic duration and in steps."""

    offset: Duration
    step: int


def segments_of(source: Source, steps_per_epoch: int) -> list[Segment]:
    """The segments of a schedule, without holes from step 0 on.

    Each boundary is the rounded sum of the durations before it. A part whose duration is above 0 has at least
    one step.

    Args:
        steps_per_epoch: 0 if it is unknown.

    Raises:
        ScheduleError: the schedule uses epochs of unknown length, or a part ends too early.
    """
    return _lay_out(source, _Mark(Duration(0, 0), 0), steps_per_epoch)


def end_of(segments: list[Segment]) -> float:
    """The first step without a value; inf for a schedule without end."""
    return segments[-1].end_step if segments else 0


def value_in(segment: Segment, step: int) -> float:
    """The value at a step of the segment: exactly `init` at its start, never outside [init, end]."""
    init, end = segment.init, segment.end
    if segment.curve == "constant" or step == segment.begin:
        value = init
    else:
        between = _between(segment.space, segment.curve, init, end, (step - segment.begin) / segment.over)
        # Rounding must not move a value outside the range that was checked at its ends.
        value = lower(higher(init, end), higher(lower(init, end), between))
    if not segment.bounds:
        return value
    for bounds in segment.bounds:
        value = within(value, bounds)
    # Adding 0 changes -0 to 0.
    return value + 0.0


def within(value: float, bounds: Bounds) -> float:
    """The value with |value| limited to bounds; -0 counts as negative. ±inf means off and stays."""
    if not math.isfinite(value):
        return value
    size = min(bounds.max, max(bounds.min, abs(value)))
    return math.copysign(size, value)


def sided(init: float, end: float) -> tuple[float, float]:
    """The ends of a ramp. An end of 0 gets the sign of the other end."""
    return (-0.0 if init == 0 and end < 0 else init), (-0.0 if end == 0 and init < 0 else end)


def _lay_out(source: Source, start: _Mark, steps_per_epoch: int) -> list[Segment]:
    whole = _lay_out_shape(source.shape, start, steps_per_epoch)
    if source.duration is None:
        return whole
    end = _after(start, source.duration, steps_per_epoch).step
    whole_end = end_of(whole) if whole else start.step
    if whole_end < end:
        raise ScheduleError(
            f"a join inside .for({describe_duration(source.duration)}) ends at step {whole_end}, before step "
            f"{end}",
            "leave its last part without end, or make it longer",
        )
    return [segment._replace(end_step=min(segment.end_step, end)) for segment in whole if segment.begin < end]


def _lay_out_shape(shape: Shape, start: _Mark, steps_per_epoch: int) -> list[Segment]:
    match shape:
        case Constant(value):
            return [_constant(start.step, math.inf, value)]
        case Ramp(curve, init, end, over, space):
            to = _after(start, over, steps_per_epoch).step
            ramp = Segment(start.step, to, curve, init, end, to - start.step, space)
            flat = _constant(to, math.inf, end)
            return [flat] if to == start.step else [ramp, flat]
        case Steps():
            return _lay_out_steps(shape, start, steps_per_epoch)
        case Join(parts):
            return _lay_out_parts(parts, start, steps_per_epoch)
        case Scale(source, factor):
            return [_scaled(segment, factor) for segment in _lay_out(source, start, steps_per_epoch)]
        case Bound(source, bounds):
            return _bounded(_lay_out(source, start, steps_per_epoch), bounds)


def _lay_out_parts(parts: Sequence[Source], start: _Mark, steps_per_epoch: int) -> list[Segment]:
    segments: list[Segment] = []
    mark = start
    for part in parts:
        segments += _lay_out(part, mark, steps_per_epoch)
        if part.duration is not None:
            mark = _after(mark, part.duration, steps_per_epoch)
    return segments


def _bounded(segments: list[Segment], bounds: Bounds) -> list[Segment]:
    found: list[Segment] = []
    before: Segment | None = None
    for segment in segments:
        if segment.curve != "constant":
            init, end = sided(segment.init, segment.end)
        else:
            # A constant 0 gets the sign of the ramp before it.
            last = 0.0 if before is None else sided(before.init, before.end)[1]
            is_negative_zero = last == 0 and math.copysign(1, last) < 0
            init = -0.0 if segment.init == 0 and is_negative_zero else segment.init
            end = init
        found.append(segment._replace(init=init, end=end, bounds=(*segment.bounds, bounds)))
        before = segment
    return found


def _lay_out_steps(shape: Steps, start: _Mark, steps_per_epoch: int) -> list[Segment]:
    starts = [(start.step, shape.init)]
    starts += [(_after(start, boundary, steps_per_epoch).step, value) for boundary, value in shape.at]
    segments: list[Segment] = []
    for number, (step, value) in enumerate(starts):
        to = starts[number + 1][0] if number + 1 < len(starts) else math.inf
        if to < step:
            raise ScheduleError(
                f"the boundaries of steps do not ascend: step {to} comes after step {step}",
                f"order them by time; an epoch has {steps_per_epoch} steps here",
            )
        if to != step:
            segments.append(_constant(step, to, value))
    return segments


def _after(mark: _Mark, duration: Duration, steps_per_epoch: int) -> _Mark:
    if is_nothing(duration):
        return mark
    offset = add(mark.offset, duration)
    return _Mark(offset, max(mark.step + 1, to_steps(offset, steps_per_epoch)))


def _constant(begin: int, end_step: float, value: float) -> Segment:
    return Segment(begin, end_step, "constant", value, value, 0)


def _scaled(segment: Segment, factor: float) -> Segment:
    """The segment with all values multiplied by `factor`. In every space it is enough to multiply both
    ends."""
    size = abs(factor)
    return segment._replace(
        init=segment.init * factor,
        end=segment.end * factor,
        bounds=tuple(Bounds(bounds.min * size, bounds.max * size) for bounds in segment.bounds),
    )


def _between(space: Space, curve: Curve, init: float, end: float, x: float) -> float:
    if space == "value":
        return _on_curve(curve, init, end, x)
    if space == "log":
        return sign_of(init) * exp(_on_curve(curve, log(abs(init)), log(abs(end)), x))
    inverse = _on_curve(curve, _inverse(init), _inverse(end), x)
    return _inverse(inverse)


def _inverse(value: float) -> float:
    """1/value as IEEE 754 has it."""
    return math.copysign(math.inf, value) if value == 0 else 1 / value


def _on_curve(curve: Curve, init: float, end: float, x: float) -> float:
    """The value at x in (0, 1)."""
    if curve == "linear":
        return init * (1 - x) + end * x
    if curve == "cosine":
        left = (1 + cos_pi(x)) / 2
        return init * left + end * (1 - left)
    return sign_of(init) * exp((1 - x) * log(abs(init)) + x * log(abs(end)))
