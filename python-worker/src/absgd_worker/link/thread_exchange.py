"""Everything that the training thread and the background thread share.

The training thread appends to `ring` and writes `standing`; the background thread appends to `inbox` and
writes the rest. A deque's append and popleft are atomic, and so is setting an attribute; `condition` guards
the plan table and wakes the training thread where it stands still.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Condition
from typing import TypeAlias

from absgd_worker.link.messages import Command, CommandResult, Phase, Position, Progress, Welcome
from absgd_worker.link.plan_table import PlanTable
from absgd_worker.link.records import Body
from absgd_worker.link.step_reports import StepEntry

_START = Position(0, 0)

FromTraining: TypeAlias = "StepEntry | Body | CommandResult"


@dataclass
class Standing:
    """Where the training thread stands. It alone writes here."""

    position: Position = _START
    phase: Phase = Phase.STARTING
    waits: int = 0
    waited_seconds: float = 0.0

    @property
    def attempt(self) -> int:
        return self.position.attempt

    @property
    def step(self) -> int:
        return self.position.step

    def progress(self) -> Progress:
        return Progress(self.position, self.phase, self.waits, self.waited_seconds)


@dataclass(frozen=True)
class Fault:
    """The worker cannot go on: refused by the controller, or, with `is_own`, broken by a fault of its own."""

    message: str
    is_own: bool = False


class ThreadExchange:
    """What the two threads of a worker hand to each other."""

    def __init__(self) -> None:
        self.condition = Condition()
        self.plan = PlanTable(self.condition)
        self.standing = Standing()
        self.ring: deque[FromTraining] = deque()
        self.inbox: deque[Command | Fault] = deque()
        self.welcome: Welcome | None = None
        self.released = False
        # How often the background thread has taken what was in the ring.
        self.turns = 0
        # Whether the record of the last checkpoint that was taken from the ring is on disk for good.
        self.checkpoint_recorded = False
        # Samples of steps t with t % sample_every == 0 are kept; 0 for none.
        self.sample_every = 0
        # Monotonic seconds of the controller's last message.
        self.heard = time.monotonic()
        # Set once the background thread runs: makes it take what is in the ring now.
        self.flush: Callable[[], None] = lambda: None

    def settle(self) -> bool:
        """Returns once all that was put into the ring is in the spool; after a while in any case.

        Returns:
            Whether it is.
        """
        with self.condition:
            # The turn that is under way may have begun before.
            for wanted in (self.turns + 1, self.turns + 2):
                self.flush()
                self.condition.wait_for(lambda wanted=wanted: self.turns >= wanted, SETTLE_SECONDS / 2)
            return self.turns >= wanted

    def deliver(self, message: Command | Fault) -> None:
        """Puts a message before the training thread, which looks at its next step boundary."""
        with self.condition:
            self.inbox.append(message)
            self.condition.notify_all()

    def admit(self, welcome: Welcome) -> None:
        """Lets the training thread know that the worker was admitted, for the first time or again."""
        with self.condition:
            self.welcome = welcome
            self.condition.notify_all()

    def release(self) -> None:
        """Lets the training thread know that the controller has all that it needs."""
        with self.condition:
            self.released = True
            self.condition.notify_all()


SETTLE_SECONDS = 2.0
"""How long a training thread waits for its own background thread: a disk may be slow, or the thread gone."""
