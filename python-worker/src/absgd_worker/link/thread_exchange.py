"""The data that the training thread and the background thread share.

The training thread appends to `outgoing` and writes `status`; the background thread appends to `inbox` and
writes the rest. A deque's append and popleft are atomic, and so is setting an attribute; `condition` guards
the plan table and wakes the training thread while it waits.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Condition
from typing import TypeAlias

from absgd_worker.link.plan_table import PlanTable
from absgd_worker.link.step_reports import StepEntry
from absgd_worker.link.wire.messages import Command, CommandResult, Phase, Position, Progress, Welcome
from absgd_worker.link.wire.records import Body

_START = Position(0, 0)

FromTraining: TypeAlias = "StepEntry | Body | CommandResult"


@dataclass
class TrainingStatus:
    """The position and phase of the training thread. Only that thread writes here."""

    position: Position = _START
    phase: Phase = Phase.STARTING
    waits: int = 0
    waited_seconds: float = 0.0

    @property
    def attempt(self) -> int:
        return self.position.attempt

    @property
    def step(self) -> int:
        """Steps done, which is also the number of the next step, from 0."""
        return self.position.step

    def progress(self) -> Progress:
        return Progress(self.position, self.phase, self.waits, self.waited_seconds)


@dataclass(frozen=True)
class Abort:
    """The worker must end: the controller refuses it, or the background thread failed (`is_internal`)."""

    message: str
    is_internal: bool = False


class ThreadExchange:
    """Connects the training thread of a worker with its background thread."""

    def __init__(self) -> None:
        self.condition = Condition()
        self.plan = PlanTable(self.condition)
        self.status = TrainingStatus()
        # Reports, records and answers, in the order in which training made them.
        self.outgoing: deque[FromTraining] = deque()
        self.inbox: deque[Command | Abort] = deque()
        self.welcome: Welcome | None = None
        self.released = False
        # How often the background thread has emptied `outgoing`.
        self.turns = 0
        # Whether the record of the last checkpoint that was taken from `outgoing` is synced to disk.
        self.checkpoint_recorded = False
        # Samples of steps t with t % sample_every == 0 are kept; 0 for none.
        self.sample_every = 0
        # Monotonic time of the controller's last message, in seconds.
        self.heard = time.monotonic()
        # Wakes the background thread, so that it empties `outgoing` now. Set when that thread is made.
        self.flush: Callable[[], None] = lambda: None

    def wait_until_spooled(self) -> bool:
        """Waits until everything that was appended to `outgoing` is in the spool, at most `SPOOL_SECONDS`.

        Returns:
            Whether everything is in the spool.
        """
        with self.condition:
            # The current turn may have emptied `outgoing` before the last append: wait for two turns.
            for wanted in (self.turns + 1, self.turns + 2):
                self.flush()
                self.condition.wait_for(lambda wanted=wanted: self.turns >= wanted, SPOOL_SECONDS / 2)
            return self.turns >= wanted

    def deliver(self, message: Command | Abort) -> None:
        """Sends a message to the training thread, which reads it between two steps."""
        with self.condition:
            self.inbox.append(message)
            self.condition.notify_all()

    def admit(self, welcome: Welcome) -> None:
        """Tells the training thread that the controller admitted the worker, for the first time or again."""
        with self.condition:
            self.welcome = welcome
            self.condition.notify_all()

    def release(self) -> None:
        """Tells the training thread that the controller has received everything."""
        with self.condition:
            self.released = True
            self.condition.notify_all()


SPOOL_SECONDS = 2.0
"""How long the training thread waits for its background thread: the disk may be slow, or the thread gone."""
