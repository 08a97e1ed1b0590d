"""The exchange with a courier, through memory that both share (docs/architecture.md, "The courier")."""

from __future__ import annotations

import ctypes
import os
import time
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import RLock
from typing import Any
from weakref import WeakSet

from absgd_worker.console import complain
from absgd_worker.link.exchange import Exchange, FromTraining, TrainingStatus
from absgd_worker.link.plan_table import PlanTable
from absgd_worker.link.ring.layout import DOWN_BYTES, DOWN_START, UP_BYTES, UP_START, Kind, Word
from absgd_worker.link.ring.memory import SharedMemory
from absgd_worker.link.ring.names import NamesWriter
from absgd_worker.link.ring.overflow import OverflowWriter
from absgd_worker.link.ring.plain import decode, encode
from absgd_worker.link.ring.rings import RingReader, RingWriter, words_of
from absgd_worker.link.ring.step_record import PackedStep, StepPacker, write_step
from absgd_worker.link.step_entry import StepEntry
from absgd_worker.link.wire.messages import Abort, Command, CommandResult, Plan, PlanAck, Released, Welcome
from absgd_worker.link.wire.records import CheckpointWritten, Gap, GapReason


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


class UpWriter:
    """Writes records for the courier. Several threads may call it.

    When the ring is full, records go on in a file. Above `MOST_BYTES` of them samples are left out; numbers
    of steps, evaluations and messages never are.
    """

    def __init__(self, memory: SharedMemory, names: NamesWriter, overflow: OverflowWriter) -> None:
        self._memory = memory
        self._words = words_of(memory)
        self._ring = RingWriter(memory, UP_START, UP_BYTES, Word.UP_HEAD, Word.UP_TAIL)
        self._names = names
        self._packer = StepPacker(names.add)
        self._overflow = overflow
        self._overflows = False
        self._leaves_samples_out = False
        # The handler of a signal may report while this thread does.
        self._lock = RLock()
        self._is_busy = False
        self._queue: deque[FromTraining] = deque()
        self.is_silent = False
        self.on_result: Callable[[CommandResult], None] = lambda _result: None
        """Called with every result of a command."""
        self.last_checkpoint = 0
        """That of the last record of a checkpoint."""

    @property
    def last(self) -> int:
        """The number of the last record."""
        return max(self._ring.last, self._overflow.last)

    def open(self, order: Any) -> None:
        """Says what the courier is to do; the first thing that is written."""
        number = self._names.add(b"".join(encode(order)))
        assert number == 0, "the courier is told once what it is to do"

    def append(self, item: FromTraining) -> None:
        """Hands an item to the courier. It is published when this returns, whatever happens to this
        process."""
        if self.is_silent:
            # A fork of the process that trains may have a copy of the lock that nobody releases.
            return
        with self._lock:
            self._queue.append(item)
            if self._is_busy:
                # Called by the handler of a signal, in the middle of another report.
                return
            try:
                self._is_busy = True
                while self._queue and not self.is_silent:
                    self._append_one(self._queue.popleft())
            finally:
                self._is_busy = False

    def stop(self) -> None:
        """From here on nothing is written."""
        with self._lock:
            self.is_silent = True

    def _append_one(self, item: FromTraining) -> None:
        if isinstance(item, StepEntry):
            self._append_step(item)
        else:
            self._append_plain(item)

    def extend(self, items: Iterable[FromTraining]) -> None:
        for item in items:
            self.append(item)

    def _append_step(self, entry: StepEntry) -> None:
        packed = self._packer.pack(entry)
        if not self._overflows or self._has_room_in_ring():
            place = self._ring.reserve(packed.size)
            if place is not None:
                write_step(packed, self._memory.view, self._memory.address, place)
                self._ring.commit(place, packed.size, Kind.STEP, packed.schema)
                self._words[Word.UP_SEQ] = self._ring.last
                return
            self._begin_overflow()
        self._write_into_overflow(entry, packed)

    def _append_plain(self, item: FromTraining) -> None:
        payload = b"".join(encode(item))
        if isinstance(item, CheckpointWritten):
            self.last_checkpoint = self.last + 1
        elif isinstance(item, CommandResult):
            self.on_result(item)
        if not self._overflows or self._has_room_in_ring():
            place = self._ring.reserve(len(payload)) if len(payload) <= UP_BYTES // 4 else None
            if place is not None:
                self._memory.view[place : place + len(payload)] = payload
                self._ring.commit(place, len(payload), Kind.PLAIN)
                self._words[Word.UP_SEQ] = self._ring.last
                return
            self._begin_overflow()
        self._append_to_overflow(payload, Kind.PLAIN, 0)

    def _has_room_in_ring(self) -> bool:
        """Whether the ring is in use again: the courier has taken all records in the file."""
        if self._overflow.has_unwritten or self._words[Word.SPOOLED] < self._overflow.last:
            return False
        self._ring.continue_after(self._overflow.last)
        self._words[Word.OVERFLOW] = 0
        self._overflow.end()
        self._overflows = False
        self._leaves_samples_out = False
        return True

    def _begin_overflow(self) -> None:
        self._words[Word.OVERFLOW] = self._overflow.begin(after=self._ring.last)
        self._overflows = True

    def _write_into_overflow(self, entry: StepEntry, packed: PackedStep) -> None:
        if self._overflow.size > MOST_BYTES or self._overflow.has_unwritten:
            if not self._leaves_samples_out and entry.keep_samples:
                self._leaves_samples_out = True
                complain(
                    f"absgd: the courier does not follow: samples are left out from step {entry.step:,} on"
                )
                gap = Gap(entry.attempt, entry.step, GapReason.SPOOL)
                self._append_to_overflow(b"".join(encode(gap)), Kind.PLAIN, 0)
            packed = self._packer.pack(entry, with_samples=False)
        payload = bytearray(packed.size)
        buffer = (ctypes.c_ubyte * packed.size).from_buffer(payload)
        write_step(packed, memoryview(payload), ctypes.addressof(buffer), 0)
        del buffer
        self._append_to_overflow(payload, Kind.STEP, packed.schema)

    def _append_to_overflow(self, payload: bytes | bytearray, kind: Kind, schema: int) -> None:
        self._overflow.append(payload, kind, schema)
        self._words[Word.UP_SEQ] = self._overflow.last


def _leave_in_fork() -> None:
    for link in list(_alive):
        link.leave()


_alive: WeakSet[CourierLink] = WeakSet()
os.register_at_fork(after_in_child=_leave_in_fork)

SPOOL_SECONDS = 2.0
"""How long training waits for its courier: the disk may be slow, or the courier stopped."""

MOST_BYTES = 1 << 30
"""Bytes of records beside the ring above which samples are left out."""

SHORTEST_PAUSE, LONGEST_PAUSE = 0.0002, 0.005
"""Seconds between two looks at the shared memory while training waits."""
