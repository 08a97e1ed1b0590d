"""Schedules in words ("off for 5 epochs, then exponential -5 → -0.5 over 10 epochs"), and as text."""

from __future__ import annotations

import math

from absgd_worker.schedules.durations import Duration, describe_duration, is_nothing
from absgd_worker.schedules.numbers import format_number
from absgd_worker.schedules.shapes import (
    Bound,
    Bounds,
    Constant,
    Join,
    Ramp,
    Scale,
    Shape,
    Source,
    Space,
    Steps,
)


def describe_schedule(source: Source) -> str:
    """In words."""
    text = _describe(source.shape)
    if source.duration is None:
        return text
    shape = source.shape
    if isinstance(shape, Ramp) and shape.over == source.duration:
        return text
    return f"{_enclosed(text, shape)} for {describe_duration(source.duration)}"


def write_schedule(source: Source) -> str:
    """As text that `parse_schedule` reads as the same schedule."""
    text = _write(source.shape)
    if source.duration is None:
        return text
    # A bare number has no method `.for` in the text.
    callable_text = f"constant({text})" if isinstance(source.shape, Constant) else text
    return f"{callable_text}.for({_write_duration(source.duration)})"


def _describe(shape: Shape) -> str:
    match shape:
        case Constant(value):
            return _value(value)
        case Ramp(curve, init, end, over, space):
            return f"{curve} {_value(init)} → {_value(end)}{SPACES[space]} over {describe_duration(over)}"
        case Steps(init, at):
            later = [f"{format_number(value)} from {describe_duration(boundary)}" for boundary, value in at]
            return ", ".join([f"steps {format_number(init)}", *later])
        case Join(parts):
            return ", then ".join(map(describe_schedule, parts))
        case Scale(source, factor):
            return f"{format_number(factor)} × ({describe_schedule(source)})"
        case Bound(source, bounds):
            return f"{_enclosed(describe_schedule(source), source.shape)}{_describe_bounds(bounds)}"
    raise TypeError(f"{shape!r} is no shape")


def _enclosed(text: str, shape: Shape) -> str:
    """Adds brackets if a following phrase could be read as part of the last part only."""
    return f"({text})" if isinstance(shape, (Join, Bound)) else text


def _describe_bounds(bounds: Bounds) -> str:
    least, most = format_number(bounds.min), format_number(bounds.max)
    if math.isinf(bounds.max):
        return "" if bounds.min == 0 else f" held at {least} and more"
    return f" held at {most} and less" if bounds.min == 0 else f" held within {least} to {most}"


def _value(value: float) -> str:
    return format_number(value) if math.isfinite(value) else "off"


def _write(shape: Shape) -> str:
    match shape:
        case Constant(value):
            return _number(value)
        case Ramp(curve, init, end, over, space):
            within = "" if space == "value" else f", space={space}"
            return f"{curve}({_number(init)}, {_number(end)}, over={_write_duration(over)}{within})"
        case Steps(init, at):
            points = [f"[{_write_duration(boundary)}, {_number(value)}]" for boundary, value in at]
            return f"steps({_number(init)}, [{', '.join(points)}])"
        case Join(parts):
            return f"join({', '.join(map(write_schedule, parts))})"
        case Scale(source, factor):
            return f"scale({write_schedule(source)}, {_number(factor)})"
        case Bound(source, bounds):
            least, most = _number(bounds.min), _number(bounds.max)
            return f"bound({write_schedule(source)}, min={least}, max={most})"
    raise TypeError(f"{shape!r} is no shape")


def _write_duration(duration: Duration) -> str:
    if duration.epochs == 0 or is_nothing(duration):
        return str(duration.steps)
    epochs = format_number(duration.epochs)
    return f"epochs({epochs})" if duration.steps == 0 else f"epochs({epochs}, steps={duration.steps})"


def _number(value: float) -> str:
    return "-0" if value == 0 and math.copysign(1, value) < 0 else format_number(value)


SPACES: dict[Space, str] = {"value": "", "log": " in log", "inverse": " in 1/value"}
