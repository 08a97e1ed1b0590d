"""The rows that the controller has planned: the controls of each step (proto/README.md, "Plans")."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping
from typing import NamedTuple

from absgd_worker.link.wire.messages import EventKind, Plan


class Row(NamedTuple):
    """The controls of one step, and the events after it, in their order."""

    controls: dict[str, float]
    """Not to be changed: several steps may share it."""
    events: tuple[EventKind, ...]


class PlanTable:
    """Rows by step. The training thread adds plans and takes rows.

    The row of a step is that of the plan with the highest sequence number that arrived before the step began.

    Args:
        on_change: called when the steps that have a row, or the length of the run, may have changed.
    """

    def __init__(self, on_change: Callable[[], None] = lambda: None) -> None:
        self._on_change = on_change
        self._segments: list[_Segment] = []
        self._current: _Segment | None = None
        self._begun = 0
        self._attempt = 0
        self._last_seq = 0
        self._run_steps = 0

    def begin_attempt(self, attempt: int, step: int) -> None:
        """Sets the next step to `step` of `attempt`, and deletes the rows of other attempts."""
        self._begun = step
        self._current = None
        if attempt != self._attempt:
            self._segments.clear()
            self._last_seq = 0
            self._attempt = attempt
        self._on_change()

    def set_length(self, run_steps: int) -> None:
        """Sets the number of steps of the run; 0 while unknown. A later plan may change it."""
        self._run_steps = run_steps
        self._on_change()

    def add(self, plan: Plan) -> int | None:
        """Adds a plan, and returns the first step that it changes; None for a plan of another attempt."""
        if plan.attempt != self._attempt:
            return None
        if plan.plan_seq > self._last_seq:
            self._last_seq = plan.plan_seq
            self._run_steps = plan.run_steps
        self._segments = [segment for segment in self._segments if segment.end > self._begun]
        self._segments.append(_Segment(plan))
        self._segments.sort(key=lambda segment: -segment.seq)
        self._current = None
        self._on_change()
        return max(plan.first_step, self._begun)

    def take(self, step: int) -> Row | None:
        """Begins `step` and returns its row; None if it has none, and then the step does not begin."""
        segment = self._current
        if segment is None or not segment.first <= step < segment.end:
            segment = self._current = self._find(step)
            if segment is None:
                return None
        self._begun = step + 1
        return segment.row(step)

    def is_over(self, step: int) -> bool:
        """Whether the run has no step `step`. False while its length is unknown."""
        return 0 < self._run_steps <= step

    @property
    def run_steps(self) -> int:
        """Steps of the whole run; 0 while unknown."""
        return self._run_steps

    def planned_through(self) -> int:
        """The first step that has no row, from the next step on."""
        step = self._begun
        while True:
            segment = self._find(step)
            if segment is None:
                return step
            step = segment.end

    def _find(self, step: int) -> _Segment | None:
        # The segments are ordered by descending sequence number. A segment ends where a later plan begins.
        for index, segment in enumerate(self._segments):
            if segment.first <= step < segment.end:
                later = [other.first for other in self._segments[:index] if step < other.first < segment.end]
                return segment.until(min(later)) if later else segment
        return None


class _Segment:
    """The rows of one plan, or of its first part."""

    def __init__(self, plan: Plan, end: int | None = None) -> None:
        self._plan = plan
        self.seq = plan.plan_seq
        self.first = plan.first_step
        self.end = plan.first_step + plan.count if end is None else end
        self._constants = {name: values[0] for name, values in plan.columns.items() if len(values) == 1}
        self._series: Mapping[str, array[float]] = {
            name: values for name, values in plan.columns.items() if len(values) > 1
        }
        self._constant_row = Row(self._constants, ())
        self._events: dict[int, tuple[EventKind, ...]] = {}
        for step, kind in plan.events:
            self._events[step] = tuple(sorted({*self._events.get(step, ()), kind}))

    def until(self, end: int) -> _Segment:
        return _Segment(self._plan, end)

    def row(self, step: int) -> Row:
        """The same object for all steps that have the same controls and no events."""
        events = self._events.get(step, ())
        if not self._series and not events:
            return self._constant_row
        index = step - self.first
        controls = {name: values[index] for name, values in self._series.items()}
        controls.update(self._constants)
        return Row(controls, events)
