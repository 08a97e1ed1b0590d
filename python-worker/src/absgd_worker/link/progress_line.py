"""Prints the progress every ten seconds, with or without a controller."""

from __future__ import annotations

import time

from absgd_worker.console import say
from absgd_worker.link.telemetry import Telemetry
from absgd_worker.link.thread_exchange import ThreadExchange
from absgd_worker.link.wire.messages import Phase
from absgd_worker.weights import read_statistics


class ProgressLine:
    """Used by the background thread, since reading a loss may wait for the device."""

    def __init__(self, exchange: ThreadExchange, telemetry: Telemetry) -> None:
        self._exchange = exchange
        self._telemetry = telemetry
        self._printed = time.monotonic()
        self._printed_step = 0
        self._printed_phase = Phase.STARTING
        self._silent = False

    def update(self, now: float) -> None:
        """Prints if `PRINT_SECONDS` have passed, and when the controller is lost or returns."""
        if self._exchange.welcome is None:
            return
        self._print_controller_change(now)
        status = self._exchange.status
        step, phase = status.step, status.phase
        if now - self._printed < PRINT_SECONDS or (step, phase) == (self._printed_step, self._printed_phase):
            return
        say(self._line(step, phase, max(0, step - self._printed_step) / (now - self._printed)))
        self._printed, self._printed_step, self._printed_phase = now, step, phase

    def _line(self, step: int, phase: Phase, pace: float) -> str:
        run_steps = self._exchange.plan.run_steps
        parts = [f"step {step:,}" + (f" of {run_steps:,}" if run_steps else "")]
        entry = self._telemetry.last_entry
        if entry is not None and entry.statistics is not None:
            parts.append(f"mean loss {read_statistics(entry.statistics).mean_loss:.4g}")
        parts.append(f"{pace:.3g} steps/s" if phase is Phase.TRAINING else phase.name.lower())
        return " · ".join(parts)

    def _print_controller_change(self, now: float) -> None:
        silent = now - self._exchange.heard > SILENCE_SECONDS
        if silent and not self._silent:
            through = self._exchange.plan.planned_through()
            say(f"the controller is gone: training goes on to the end of its plan, step {through:,}")
        elif self._silent and not silent:
            say("the controller is back")
        self._silent = silent


PRINT_SECONDS = 10.0

SILENCE_SECONDS = 5.0
"""A controller that runs answers every Progress, which is sent once a second."""
