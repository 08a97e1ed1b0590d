"""Writes what training reports into the ring up."""

from __future__ import annotations

import ctypes
from collections import deque
from collections.abc import Callable, Iterable
from threading import RLock
from typing import Any

from absgd_worker.console import complain
from absgd_worker.link.exchange import FromTraining
from absgd_worker.link.ring.layout import UP_BYTES, UP_START, Kind, Word
from absgd_worker.link.ring.memory import SharedMemory
from absgd_worker.link.ring.names import NamesWriter
from absgd_worker.link.ring.overflow import OverflowWriter
from absgd_worker.link.ring.plain import encode
from absgd_worker.link.ring.rings import RingWriter, words_of
from absgd_worker.link.ring.step_record import PackedStep, StepPacker, write_step
from absgd_worker.link.step_entry import StepEntry
from absgd_worker.link.wire.messages import CommandResult
from absgd_worker.link.wire.records import CheckpointWritten, Gap, GapReason


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


MOST_BYTES = 1 << 30
"""Bytes of records beside the ring above which samples are left out."""
