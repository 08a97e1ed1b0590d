"""The step under way: its controls, its duration, and what the script logs with it."""

from __future__ import annotations

import time
from collections.abc import Mapping

from absgd_worker.task.context import StepNumbers


class CurrentStep:
    """Begins with the first weighed loss after a step. It lasts until the next step begins."""

    def __init__(self) -> None:
        self.controls: Mapping[str, float] | None = None
        """None before the first step of a training, and after a state was loaded."""
        self.is_made = False
        """Whether an optimizer has stepped. The controls stay: other optimizers may step after the same
        backward pass."""
        self.numbers = StepNumbers()
        self.applied: dict[str, float] = {}
        """Hyperparameters that were set for this step, by control."""
        self._began = 0.0

    def begin(self, controls: Mapping[str, float]) -> None:
        self.controls, self.is_made = controls, False
        self._began = time.perf_counter()
        self.numbers._enter_step(controls)

    @property
    def seconds(self) -> float:
        """The time since the step began."""
        return time.perf_counter() - self._began
