"""What the training thread and its courier exchange, as the training thread sees it.

Training appends to `outgoing`, writes `status`, and calls `poll` between two steps, which takes what the
courier has sent. All of it happens in the thread that trains.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol, TypeAlias

from absgd_worker.link.plan_table import PlanTable
from absgd_worker.link.ring.layout import Word, pack_position
from absgd_worker.link.step_entry import StepEntry
from absgd_worker.link.wire.messages import Abort, Command, CommandResult, Phase, PlanAck, Position, Welcome
from absgd_worker.link.wire.records import Body

FromTraining: TypeAlias = "StepEntry | Body | CommandResult | PlanAck"


class TrainingStatus:
    """The position and phase of the training thread. Only that thread writes here.

    `words`: those of the memory that is shared with a courier, in which the status is written, too.
    """

    def __init__(self, words: memoryview | None = None) -> None:
        self._words = words
        self._position = Position(0, 0)
        self._phase = Phase.STARTING
        self._waits = 0
        self._waited_seconds = 0.0

    @property
    def position(self) -> Position:
        return self._position

    @position.setter
    def position(self, position: Position) -> None:
        self._position = position
        if self._words is not None:
            self._words[Word.POSITION] = pack_position(*position)

    @property
    def phase(self) -> Phase:
        return self._phase

    @phase.setter
    def phase(self, phase: Phase) -> None:
        if phase is not self._phase:
            self._phase = phase
            if self._words is not None:
                self._words[Word.PHASE] = int(phase)

    @property
    def waits(self) -> int:
        """How often training has waited for a row."""
        return self._waits

    @property
    def waited_seconds(self) -> float:
        return self._waited_seconds

    def count_wait(self) -> None:
        """Another wait for a row begins."""
        self._waits += 1
        if self._words is not None:
            self._words[Word.WAITS] = self._waits

    def add_waited(self, seconds: float) -> None:
        """The wait has taken this long so far."""
        self._waited_seconds += seconds
        if self._words is not None:
            self._words[Word.WAITED] = int(1e9 * self._waited_seconds)

    @property
    def attempt(self) -> int:
        return self._position.attempt

    @property
    def step(self) -> int:
        """Steps done, which is also the number of the next step, from 0."""
        return self._position.step


class Outgoing(Protocol):
    """Takes reports, records and answers, in the order in which training makes them."""

    def append(self, _item: FromTraining, /) -> None: ...
    def extend(self, _items: Iterable[FromTraining], /) -> None: ...


class Exchange:
    """The exchange of a training thread without a courier: `outgoing` is a deque, and nobody answers."""

    def __init__(self) -> None:
        self.plan = PlanTable()
        self.status = TrainingStatus()
        self.outgoing: Outgoing = deque[FromTraining]()
        self.inbox: deque[Command | Abort] = deque()
        self.welcome: Welcome | None = None
        self.released = False
        # Samples of steps t with t % sample_every == 0 are kept; 0 for none.
        self.sample_every = 0

    @property
    def heard(self) -> float:
        """Monotonic time of the controller's last message, in seconds."""
        return time.monotonic()

    def poll(self) -> None:
        """Takes what the courier has sent: plans into `plan`, commands into `inbox`."""

    def flush(self) -> None:
        """Asks the courier to send now."""

    def wait(self, until: Callable[[], bool], seconds: float) -> None:
        """Waits until `until()`, or for a command, at most `seconds`."""

    def wait_until_spooled(self) -> bool:
        """Waits until everything in `outgoing` is on disk. Returns whether it is."""
        return True

    @property
    def is_checkpoint_recorded(self) -> bool:
        """Whether the record of the last checkpoint in `outgoing` is synced to disk."""
        return True
