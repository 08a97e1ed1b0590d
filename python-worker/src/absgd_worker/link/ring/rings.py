"""A ring of records in shared memory, with one process that writes and one that reads.

A record counts once its length, its number and its CRC-32 agree, and not because a word says that it is
there: a processor may show the word before the record.
"""

from __future__ import annotations

import zlib
from typing import NamedTuple

from absgd_worker.link.ring.layout import CRC, HEAD, Kind, Word
from absgd_worker.link.ring.memory import SharedMemory


class Record(NamedTuple):
    """A record as it was read. Its payload is valid until its place in the ring is given back."""

    number: int
    kind: int
    schema: int
    payload: memoryview
    end: int
    """Bytes of the ring up to its end, counted on; 0 for a record from elsewhere."""


class RingWriter:
    """Writes records into a ring: `reserve`, fill the payload, `commit`.

    Args:
        start, size: of the ring in the memory.
        head: the word with the bytes that were ever written; this is its only writer.
        tail: the word with the bytes that the reader has given back.
    """

    def __init__(self, memory: SharedMemory, start: int, size: int, head: Word, tail: Word) -> None:
        self._view = memory.view
        self._words = words_of(memory)
        self._start = start
        self.size = size
        self._head_word, self._tail_word = head, tail
        # The bytes that were ever written, and the number of the last record. Together, because an exception
        # of a signal may come between any two statements.
        self._done = (self._words[head], 0)
        self._tail = self._words[tail]
        # The head after the reserved record.
        self._next = self._done[0]

    def reserve(self, size: int) -> int | None:
        """Where in the memory a payload of `size` bytes may be written; None if there is no room.

        The place is that of the next record until `commit`: nothing is lost if an exception comes between.
        """
        needed = HEAD.size + (size + 7 & ~7)
        head = self._done[0]
        place = head % self.size
        rest = self.size - place
        total = needed if needed <= rest else needed + rest
        if self.size - (head - self._tail) < total:
            self._tail = self._words[self._tail_word]
            if self.size - (head - self._tail) < total:
                return None
        if needed > rest:
            if rest >= HEAD.size:
                HEAD.pack_into(self._view, self._start + place, rest - HEAD.size, 0, 0, Kind.SKIP, 0, 0)
            place = 0
        self._next = head + total
        return self._start + place + HEAD.size

    def commit(self, place: int, size: int, kind: Kind, schema: int = 0) -> None:
        """Publishes the payload at `place`, as `reserve` gave it, as the next record."""
        number = self._done[1] + 1
        write_head(self._view, place, size, number=number, kind=kind, schema=schema)
        self._done = self._next, number
        # If an exception comes before this, the next record announces this one, too.
        self._words[self._head_word] = self._next

    @property
    def last(self) -> int:
        """The number of the last record."""
        return self._done[1]

    def continue_after(self, number: int) -> None:
        """The next record has the number after this one."""
        self._done = self._done[0], number


class RingReader:
    """Reads the records of a ring. It begins where the last reader had given back."""

    def __init__(self, memory: SharedMemory, start: int, size: int, head: Word, tail: Word) -> None:
        self._view = memory.view
        self._words = words_of(memory)
        self._start = start
        self._size = size
        self._head_word, self._tail_word = head, tail
        self._at = self._words[tail]

    @property
    def place(self) -> int:
        """Where the next record is read, in bytes counted on. It may be set to an earlier one."""
        return self._at

    @place.setter
    def place(self, place: int) -> None:
        self._at = place

    @property
    def waiting_bytes(self) -> int:
        """Bytes that were written and not given back."""
        return self._words[self._head_word] - self._words[self._tail_word]

    def next(self, most: int | None = None) -> Record | None:
        """The next record if it is whole and, unless `most` is None, its number is not above `most`."""
        while self._at < self._words[self._head_word]:
            place = self._at % self._size
            rest = self._size - place
            if rest < HEAD.size:
                self._at += rest
                continue
            length, _, number, kind, schema, _ = HEAD.unpack_from(self._view, self._start + place)
            if kind == Kind.SKIP:
                # A new ring is zeros, which look like this: then the head is not the writer's yet.
                if length + HEAD.size != rest:
                    return None
                self._at += rest
                continue
            if length > rest - HEAD.size or (most is not None and number > most):
                return None
            payload = whole_payload(self._view, self._start + place, length)
            if payload is None:
                return None
            self._at += HEAD.size + (length + 7 & ~7)
            return Record(number, kind, schema, payload, self._at)
        return None

    def skip_all(self) -> None:
        """Leaves out everything that was written so far."""
        self._at = self._words[self._head_word]

    def give_back(self, end: int) -> None:
        """Lets the writer write again up to `end`, of a record."""
        self._words[self._tail_word] = end


def write_head(view: memoryview, place: int, size: int, *, number: int, kind: Kind, schema: int = 0) -> None:
    """Writes the head in front of the payload at `place`."""
    start = place - HEAD.size
    HEAD.pack_into(view, start, size, 0, number, kind, schema, 0)
    CRC.pack_into(view, start + 4, zlib.crc32(view[start + 8 : place + size]))


def whole_payload(view: memoryview, start: int, length: int) -> memoryview | None:
    """The payload of the record at `start`; None if its CRC-32 does not agree."""
    end = start + HEAD.size + length
    if end > len(view):
        return None
    crc = int.from_bytes(view[start + 4 : start + 8], "little")
    return view[start + HEAD.size : end] if zlib.crc32(view[start + 8 : end]) == crc else None


def words_of(memory: SharedMemory) -> memoryview:
    """The words at the start of the memory, as numbers from 0 to 2**64 - 1."""
    return memory.view[: 8 * 128].cast("Q")
