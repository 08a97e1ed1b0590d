"""The error of a schedule."""

from __future__ import annotations

from absgd_worker.errors import WorkerError


class ScheduleError(WorkerError, ValueError):
    """A text that is no schedule, or a schedule that cannot be.

    Attributes:
        problem: what is wrong, with its place in the text.
        hint: what is permitted or expected; empty if there is nothing to add.
    """

    def __init__(self, problem: str, hint: str = "") -> None:
        super().__init__(f"{problem}; {hint}" if hint else problem)
        self.problem, self.hint = problem, hint
