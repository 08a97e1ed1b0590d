"""Prints the progress every ten seconds, with or without a controller."""

from __future__ import annotations

import time

from absgd_worker.console import say
from absgd_worker.link.courier.telemetry import Telemetry
from absgd_worker.link.ring.layout import Word, unpack_position
from absgd_worker.link.wire.messages import Phase


class ProgressLine:
    """Prints for training, which may be busy for a long time.

    `words`: of the memory that is shared with training.
    """

    def __init__(self, words: memoryview, telemetry: Telemetry) -> None:
        self._words = words
        self._telemetry = telemetry
        self._printed = time.monotonic()
        self._printed_step = 0
        self._printed_phase = Phase.STARTING
        self._silent = False

    def update(self, now: float) -> None:
        """Prints if `PRINT_SECONDS` have passed, and when the controller is lost or returns."""
        attempt, step = unpack_position(self._words[Word.POSITION])
        if attempt == 0:
            # Training has not been admitted yet.
            return
        phase = Phase(self._words[Word.PHASE])
        if phase is not Phase.ENDING:
            self._print_controller_change(now)
        if now - self._printed < PRINT_SECONDS or (step, phase) == (self._printed_step, self._printed_phase):
            return
        say(self._line(step, phase, max(0, step - self._printed_step) / (now - self._printed)))
        self._printed, self._printed_step, self._printed_phase = now, step, phase

    def _line(self, step: int, phase: Phase, pace: float) -> str:
        run_steps = self._words[Word.RUN_STEPS]
        parts = [f"step {step:,}" + (f" of {run_steps:,}" if run_steps else "")]
        if self._telemetry.mean_loss is not None:
            parts.append(f"mean loss {self._telemetry.mean_loss:.4g}")
        parts.append(f"{pace:.3g} steps/s" if phase is Phase.TRAINING else phase.name.lower())
        return " · ".join(parts)

    def _print_controller_change(self, now: float) -> None:
        silent = now - self._words[Word.HEARD] / 1e9 > SILENCE_SECONDS
        if silent and not self._silent:
            through = self._words[Word.PLANNED_THROUGH]
            say(f"the controller is gone: training goes on to the end of its plan, step {through:,}")
        elif self._silent and not silent:
            say("the controller is back")
        self._silent = silent


PRINT_SECONDS = 10.0

SILENCE_SECONDS = 5.0
"""A controller that runs answers every Progress, which is sent once a second."""
