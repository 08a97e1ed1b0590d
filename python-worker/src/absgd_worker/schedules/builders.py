"""Makes schedules, with the names and arguments of the TypeScript functions in `src/schedule/`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

from absgd_worker.schedules.durations import (
    Duration,
    duration_of,
    is_nothing,
    is_surely_shorter,
)
from absgd_worker.schedules.errors import ScheduleError
from absgd_worker.schedules.leaves import leaves_of
from absgd_worker.schedules.numbers import format_number, sign_of
from absgd_worker.schedules.segments import segments_of, value_in
from absgd_worker.schedules.shapes import (
    Bound,
    Bounds,
    Constant,
    Curve,
    Join,
    Ramp,
    Scale,
    Source,
    Space,
    Steps,
)

Points = Sequence[tuple[object, float]]
"""Boundaries and values."""


def constant(value: object) -> Source:
    """`value` at every step: any number but NaN."""
    if isinstance(value, (int, float)) and not math.isnan(value):
        return Source(Constant(value))
    raise ScheduleError(f"constant({shown(value)}) is no schedule", "constant takes any number but NaN")


def off() -> Source:
    """Lambda = inf: all samples have the same weight."""
    return constant(math.inf)


def linear(init: object = None, end: object = None, **rest: object) -> Source:
    """init + (end - init)·x with x = step / over, then `end`; with `space`, of log |value| or 1/value."""
    return _ramp("linear", init, end, **rest)


def cosine(init: object = None, end: object = 0.0, **rest: object) -> Source:
    """end + (init - end)·(1 + cos πx)/2 with x = step / over, then `end`."""
    return _ramp("cosine", init, end, **rest)


def exponential(init: object = None, end: object = None, **rest: object) -> Source:
    """init·(end/init)^x with x = step / over, then `end`: both of one sign and not 0."""
    if isinstance(init, (int, float)) and isinstance(end, (int, float)) and sign_of(init) * sign_of(end) <= 0:
        raise ScheduleError(
            f"exponential cannot run from {shown(init)} to {shown(end)}",
            'both ends must be of one sign and not 0; from or to "off", join it to off()',
        )
    return _ramp("exponential", init, end, **rest)


def steps(init: object, at: Points) -> Source:
    """`init`, then each value of `at` from its boundary on. Boundaries ascend."""
    first = require_finite(init, "init of steps")
    boundaries: list[tuple[Duration, float]] = []
    for boundary, value in at:
        number = require_finite(value, "a value of steps")
        boundaries.append((duration_of(boundary, "a boundary of steps"), number))
    for (boundary, _), (following, _) in pairwise(boundaries):
        if is_surely_shorter(following, boundary):
            raise ScheduleError("the boundaries of steps do not ascend", "order them by time")
    return Source(Steps(first, tuple(boundaries)))


def piecewise(init: object, boundaries: Points, interpolate: object = "none") -> Source:
    """A value at each boundary, with jumps, or curves of the kind `interpolate` between them."""
    if interpolate == "none":
        return steps(init, boundaries)
    ramp = RAMPS.get(interpolate) if isinstance(interpolate, str) else None
    if ramp is None:
        raise ScheduleError(
            f"interpolate of piecewise is {shown(interpolate)}",
            "it takes 'none', 'linear', 'cosine' or 'exponential'",
        )
    before, begun = init, Duration(0, 0)
    parts: list[Source] = []
    for boundary, value in boundaries:
        end = duration_of(boundary, "a boundary of piecewise")
        over = _subtract(end, begun)
        parts.append(ramp(before, value, over=over)._replace(duration=over))
        before, begun = value, end
    return Source(Join((*parts, constant(before))))


def join(*parts: object) -> Source:
    """One schedule after the other, each from its own start. Only the last may be without end."""
    sources = [source_of(part, number) for number, part in enumerate(parts)]
    for number, part in enumerate(sources[:-1]):
        if part.duration is None:
            raise ScheduleError(
                f"part {number + 1} of join has no end",
                "give its duration: .for(epochs(n)); only the last part may be without end",
            )
    if not sources:
        raise ScheduleError("join of nothing", "give it a schedule")
    return Source(Join(tuple(sources)))


def two_stage(off_for: object, lam: object) -> Source:
    """The two-stage scheme of the paper (arXiv 2012.06951): plain SGD first, then lambda."""
    first = off()._replace(duration=duration_of(off_for, "the duration of .for()"))
    return join(first, constant(lam) if isinstance(lam, (int, float)) else lam)


def scale(source: object, factor: object) -> Source:
    """Every value of `source` times `factor`, a finite number other than 0. No product may be lost: become 0
    or infinite."""
    inner = source_of(source, 0)
    if isinstance(factor, (int, float)) and math.isfinite(factor) and factor != 0:
        scaled = Source(Scale(inner, factor))
        # Each leaf is computed, and raises ScheduleError if a product cannot be represented.
        list(leaves_of(scaled))
        return scaled
    raise ScheduleError(f"scale by {shown(factor)}", "a factor is a finite number other than 0")


def bound(source: object, min: object = 0.0, max: object = math.inf) -> Source:
    """Every value of `source` with |value| limited to [min, max]."""
    inner = source_of(source, 0)
    if (
        isinstance(min, (int, float))
        and isinstance(max, (int, float))
        and 0 <= min <= max
        and math.isfinite(min)
    ):
        return Source(Bound(inner, Bounds(min, max)))
    raise ScheduleError(
        f"bound within {shown(min)} to {shown(max)}", "bounds are of the magnitude: 0 ≤ min ≤ max"
    )


def warmup(
    init: object = None,
    over: object = None,
    then: object = None,
    warmup_steps: object = None,
    space: object = "value",
) -> Source:
    """A linear ramp (in `space`) from `init` to the first value of `then`, followed by that schedule."""
    if init is None:
        init = math.inf if space == "inverse" else 0.0
    following = source_of(then, 0)
    if (over is None) == (warmup_steps is None):
        raise ScheduleError(
            f"warmup is given {'no' if over is None else 'two'} durations",
            "give its duration once: over: epochs(n), or warmupSteps: n",
        )
    duration = duration_of(warmup_steps if over is None else over, "over of warmup")
    # The first value of a schedule does not depend on the steps of an epoch.
    first = value_in(segments_of(following, 1)[0], 0)
    ramp = linear(init, first, over=duration, space=space)
    return Source(Join((ramp._replace(duration=duration), following)))


def source_of(value: object, number: int) -> Source:
    """A number or a schedule as a schedule. `number`: of the part in the call, from 0, for the error."""
    if isinstance(value, Source):
        return value
    if isinstance(value, (int, float)):
        return constant(value)
    raise ScheduleError(
        f"part {number + 1} is no schedule",
        "give a number or a schedule such as off(), linear(…), exponential(…)",
    )


def require_finite(value: object, what: str) -> float:
    """A finite number. Raises ScheduleError that names `what`."""
    if isinstance(value, (int, float)) and math.isfinite(value):
        return value
    raise ScheduleError(f"{what} is {shown(value)}", "it takes a finite number")


def shown(value: object) -> str:
    """A value in a message, in the words of TypeScript."""
    if isinstance(value, (int, float)):
        return format_number(value)
    if isinstance(value, list):
        return ",".join(shown(part) for point in value for part in point)
    return "undefined" if value is None else value if isinstance(value, str) else "[object Object]"


def _ramp(
    curve: Curve,
    init: object,
    end: object,
    *,
    over: object = None,
    transition_steps: object = None,
    begin: object = 0,
    space: object = "value",
) -> Source:
    if space not in ("value", "log", "inverse"):
        raise ScheduleError(f"space of {curve} is {shown(space)}", "it takes 'value', 'log' or 'inverse'")
    named: Space = space  # type: ignore[assignment]
    if named == "inverse":
        first, last = _inverse_ends(curve, init, end)
    else:
        first, last = require_finite(init, f"init of {curve}"), require_finite(end, f"end of {curve}")
    if named == "log" and sign_of(first) * sign_of(last) <= 0:
        raise _across_zero(curve, first, last)
    duration = _stretch(curve, over, transition_steps)
    # An end that is off gets the sign of the other end: its 1/value is a 0 with that sign.
    first, last = _signed(first, last), _signed(last, first)
    ramp = Source(Ramp(curve, first, last, duration, named))
    before = duration_of(begin, f"begin of {curve}")
    if is_nothing(before):
        return ramp
    return Source(Join((constant(first)._replace(duration=before), ramp)))


def _stretch(curve: str, over: object, transition_steps: object) -> Duration:
    if over is not None and transition_steps is None:
        return duration_of(over, f"over of {curve}")
    if over is None and transition_steps is not None:
        return duration_of(transition_steps, f"transitionSteps of {curve}")
    raise ScheduleError(
        f"{curve} is given {'no' if over is None else 'two'} durations",
        "give its duration once: over: epochs(n), or transitionSteps: n",
    )


def _inverse_ends(curve: str, init: object, end: object) -> tuple[float, float]:
    numbers: list[float] = []
    for name, value in (("init", init), ("end", end)):
        if not isinstance(value, (int, float)) or value == 0 or math.isnan(value):
            raise ScheduleError(
                f"{name} of {curve} in 1/value is {shown(value)}",
                "it takes a number other than 0; ±Infinity is off",
            )
        numbers.append(value)
    first, last = numbers
    if not math.isfinite(first) and not math.isfinite(last):
        raise ScheduleError(f"{curve} runs from off to off", "use off()")
    if math.isfinite(first) and math.isfinite(last) and sign_of(first) != sign_of(last):
        raise _across_zero(curve, first, last)
    return first, last


def _across_zero(curve: str, init: float, end: float) -> ScheduleError:
    return ScheduleError(
        f"{curve} cannot run from {shown(init)} to {shown(end)} in log or 1/value",
        "both ends must be of one sign and not 0; to change sign go by way of off",
    )


def _signed(value: float, other: float) -> float:
    return value if math.isfinite(value) else sign_of(other) * math.inf


def _subtract(a: Duration, b: Duration) -> Duration:
    rest = Duration(a.epochs - b.epochs, a.steps - b.steps)
    if rest.epochs >= 0 and rest.steps >= 0:
        return rest
    raise ScheduleError(
        "the boundaries of piecewise do not ascend",
        "order them by time; where curves run between them, all are in epochs or all are in steps",
    )


RAMPS: dict[str, Callable[..., Source]] = {"linear": linear, "cosine": cosine, "exponential": exponential}
