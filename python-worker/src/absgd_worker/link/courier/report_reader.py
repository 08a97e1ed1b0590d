"""Reads what training reports from the shared memory, record by record, in its order."""

from __future__ import annotations

import time
from pathlib import Path

from absgd_worker.console import complain
from absgd_worker.link.courier.streams import FromRing, Numbered
from absgd_worker.link.ring.layout import UP_BYTES, UP_START, Kind, Word
from absgd_worker.link.ring.memory import SharedMemory
from absgd_worker.link.ring.names import NamesReader
from absgd_worker.link.ring.overflow import OverflowReader
from absgd_worker.link.ring.plain import decode
from absgd_worker.link.ring.rings import Record, RingReader, words_of
from absgd_worker.link.ring.step_row import Schema, StepRow, read_step, schema_from
from absgd_worker.link.wire.messages import Bye


class ReportReader:
    """Reads on from the last record of which everything was on disk.

    Args:
        directory, prefix: of the files in which records go on when the ring is full.
    """

    def __init__(self, memory: SharedMemory, names: NamesReader, directory: Path, prefix: str) -> None:
        self._words = words_of(memory)
        self._ring = RingReader(memory, UP_START, UP_BYTES, Word.UP_HEAD, Word.UP_TAIL)
        self._overflow = OverflowReader(directory, prefix)
        self._names = names
        self._schemas: dict[int, Schema] = {}
        self._next = self._words[Word.SPOOLED] + 1
        self._end = 0
        self._has_bye = False
        self._missing_since: float | None = None

    @property
    def is_filling(self) -> bool:
        """Whether the ring should be emptied now."""
        return self._ring.waiting_bytes > UP_BYTES // 4

    @property
    def has_bye(self) -> bool:
        """Whether training has said that it ends."""
        return self._has_bye

    def take(self) -> list[FromRing]:
        """The reports that are complete, at most `MOST_RECORDS`. Their arrays are valid until `give_back`."""
        items: list[FromRing] = []
        while len(items) < MOST_RECORDS:
            record = self._record()
            if record is None:
                break
            item = self._item(record)
            if item is None:
                break
            self._next = record.number + 1
            if record.end:
                self._end = record.end
            items.append(item)
            if isinstance(item, Numbered) and isinstance(item.item, Bye):
                self._has_bye = True
                break
        self._skip_damage(found_some=bool(items))
        return items

    def give_back(self) -> None:
        """All that was taken is on disk: its place may be written again.

        A Bye keeps its place: it is sent until the controller has answered it, by another courier if need be.
        """
        if self._has_bye:
            return
        # In this order: a courier that comes after this one leaves out what it finds before the first number.
        self._words[Word.SPOOLED] = self._next - 1
        if self._end:
            self._ring.give_back(self._end)

    def close(self) -> None:
        self._overflow.close()

    def _record(self) -> Record | None:
        # A courier that was killed may have left records in the ring that it had on disk.
        while (record := self._ring.next(self._next)) is not None:
            if record.number == self._next:
                return record
        file = self._words[Word.OVERFLOW]
        return self._overflow.next(file, self._next) if file else None

    def _item(self, record: Record) -> FromRing | None:
        if record.kind == Kind.PLAIN:
            return Numbered(record.number, decode(record.payload))
        row: StepRow | None = read_step(record.number, record.payload, record.schema, self._schema)
        return row

    def _schema(self, number: int) -> Schema | None:
        known = self._schemas.get(number)
        if known is None:
            text = self._names.get(number)
            if text is None:
                return None
            known = self._schemas[number] = schema_from(text)
        return known

    def _skip_damage(self, *, found_some: bool) -> None:
        """Goes on behind a record that stays damaged, as a script has written into the memory: it is lost."""
        if found_some or self._words[Word.UP_SEQ] < self._next:
            self._missing_since = None
            return
        now = time.monotonic()
        self._missing_since = self._missing_since or now
        if now - self._missing_since > DAMAGE_SECONDS:
            last = self._words[Word.UP_SEQ]
            complain(
                f"absgd courier: records {self._next:,} to {last:,} of the training process are damaged: "
                "they are lost"
            )
            self._next = last + 1
            self._ring.skip_all()
            self._missing_since = None


MOST_RECORDS = 4096

DAMAGE_SECONDS = 5.0
"""A record that was announced and cannot be read for so long never will be: a processor shows writes much
sooner."""
