"""The exchange with a courier, through memory that both share (docs/architecture.md, "The courier")."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from weakref import WeakSet

from absgd_worker.link.exchange import Exchange, TrainingStatus
from absgd_worker.link.plan_table import PlanTable
from absgd_worker.link.ring.layout import DOWN_BYTES, DOWN_START, Word
from absgd_worker.link.ring.memory import SharedMemory
from absgd_worker.link.ring.names import NamesWriter
from absgd_worker.link.ring.overflow import OverflowWriter
from absgd_worker.link.ring.plain import decode
from absgd_worker.link.ring.rings import RingReader, words_of
from absgd_worker.link.up_writer import UpWriter
from absgd_worker.link.wire.messages import Abort, Command, CommandResult, Plan, PlanAck, Released, Welcome


class CourierLink(Exchange):
    """Writes what training reports into the ring up, and reads the ring down.

    Args:
        memory: shared with the courier, new.
        directory: where records go on when the ring is full.
        prefix: how the names of these files begin.
        object_to: returns why a Welcome cannot be accepted, given the one before; None if it can.
    """

    def __init__(
        self,
        memory: SharedMemory,
        directory: Path,
        prefix: str,
        object_to: Callable[[Welcome, Welcome | None], str | None] = lambda _new, _old: None,
    ) -> None:
        super().__init__()
        self._object_to = object_to
        self.memory = memory
        self._words = words_of(memory)
        self.status = TrainingStatus(self._words)
        self.plan = PlanTable(self._write_plan_words)
        self.up = UpWriter(memory, NamesWriter(memory), OverflowWriter(directory, prefix))
        self._down = RingReader(memory, DOWN_START, DOWN_BYTES, Word.DOWN_HEAD, Word.DOWN_TAIL)
        self._down_tail = 0
        self.outgoing = self.up
        self._flushes = 0
        # The result of every command by its id; None until it is known.
        self._results: dict[str, CommandResult | None] = {}
        self.up.on_result = self._remember
        _alive.add(self)

    @property
    def heard(self) -> float:
        return self._words[Word.HEARD] / 1e9

    def poll(self) -> None:
        # One word tells whether there is something to read.
        if self._words[Word.DOWN_HEAD] == self._down_tail:
            return
        while True:
            place = self._down.place
            try:
                record = self._down.next()
                if record is None:
                    return
                self._receive(decode(record.payload))
            except BaseException:
                # An exception of a signal: the message is read again.
                self._down.place = place
                raise
            self._down.give_back(record.end)
            self._down_tail = record.end

    def flush(self) -> None:
        self._flushes += 1
        self._words[Word.FLUSH] = self._flushes

    def wait(self, until: Callable[[], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        pause = SHORTEST_PAUSE
        while True:
            self.poll()
            if self.inbox or until() or time.monotonic() > deadline:
                return
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def wait_until_spooled(self) -> bool:
        self.flush()
        deadline = time.monotonic() + SPOOL_SECONDS
        pause = SHORTEST_PAUSE
        while self._words[Word.SPOOLED] < self.up.last or self._words[Word.FLUSHED] < self._flushes:
            if time.monotonic() > deadline:
                return False
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        return True

    @property
    def is_checkpoint_recorded(self) -> bool:
        return self._words[Word.SYNCED_CHECKPOINT] >= self.up.last_checkpoint

    def leave(self) -> None:
        """From here on nothing is written: this is a fork of the process that trains."""
        self.up.is_silent = True

    def _receive(self, message: Any) -> None:
        if isinstance(message, Welcome):
            refusal = self._object_to(message, self.welcome)
            if refusal is not None:
                self.inbox.append(Abort(refusal))
                return
            if self.welcome is None:
                self.plan.begin_attempt(message.attempt, self.status.step)
                self.plan.set_length(message.run_steps)
            self.sample_every = message.sample_every
            self.welcome = message
            self._words[Word.ADMITTED] = 1
        elif isinstance(message, Plan):
            effective_from = self.plan.add(message)
            if effective_from is not None:
                self.outgoing.append(PlanAck(message.plan_seq, message.attempt, effective_from))
        elif isinstance(message, Released):
            self.released = True
        elif isinstance(message, Command):
            self._receive_command(message)
        elif isinstance(message, Abort):
            self.inbox.append(message)

    def _write_plan_words(self) -> None:
        self._words[Word.PLANNED_THROUGH] = self.plan.planned_through()
        self._words[Word.RUN_STEPS] = self.plan.run_steps

    def _receive_command(self, command: Command) -> None:
        """A command that comes again is answered again, and not executed again."""
        if command.id not in self._results:
            if all(getattr(item, "id", "") != command.id for item in self.inbox):
                self.inbox.append(command)
            self._results[command.id] = None
            return
        result = self._results[command.id]
        if result is not None:
            self.outgoing.append(result)

    def _remember(self, result: CommandResult) -> None:
        self._results[result.id] = result


def _leave_in_fork() -> None:
    for link in list(_alive):
        link.leave()


_alive: WeakSet[CourierLink] = WeakSet()
os.register_at_fork(after_in_child=_leave_in_fork)

SPOOL_SECONDS = 2.0
"""How long training waits for its courier: the disk may be slow, or the courier stopped."""

SHORTEST_PAUSE, LONGEST_PAUSE = 0.0002, 0.005
"""Seconds between two looks at the shared memory while training waits."""
