"""Where the controls of a step come from, and where its figures go: the code itself, a plan, or a
controller."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from absgd_worker.rings import StepEntry


class StopTraining(Exception):
    """Training is over: the run was stopped, or its plan ends. Ends a script that nobody else ends."""


class Source(Protocol):
    """What a session asks. All calls come from the thread that trains."""

    def next(self, step: int) -> Mapping[str, float]:
        """The controls of the step that begins: `lambda`, `gamma`, and whatever else is planned.

        Called once a step, before its first weighed loss. May wait; obeys what an operator asked for.

        Raises:
            StopTraining: there is no such step any more.
        """
        ...

    def report(self, entry: StepEntry) -> None:
        """A step is done: the optimizer has stepped."""
        ...

    def close(self, error: BaseException | None) -> None:
        """The loop is over, by itself or by `error`. Called once."""
        ...
