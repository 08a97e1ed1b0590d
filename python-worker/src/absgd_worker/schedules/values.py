"""The values of a schedule once the steps of an epoch are known."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable

from absgd_worker.schedules.errors import ScheduleError
from absgd_worker.schedules.segments import end_of, segments_of, value_in
from absgd_worker.schedules.shapes import Source


def compile_schedule(source: Source, steps_per_epoch: int = 0) -> Callable[[int], float]:
    """The value of a schedule as a pure function of the step, from 0.

    Args:
        steps_per_epoch: 0 if it is unknown.

    Raises:
        ScheduleError: the schedule uses epochs of unknown length, or has an end.
    """
    segments = segments_of(source, steps_per_epoch)
    end = end_of(segments)
    if end < math.inf:
        raise ScheduleError(
            f"the schedule ends at step {end}, but training goes on until the script ends",
            "leave its last part without end (no .for)",
        )
    begins = [segment.begin for segment in segments]

    def value(step: int) -> float:
        return value_in(segments[bisect_right(begins, step) - 1], step)

    return value
