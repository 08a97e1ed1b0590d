"""The table of names in shared memory: texts that many records use, each written once.

A courier that takes the place of a killed one reads them again, although the records before are gone.
"""

from __future__ import annotations

from absgd_worker.link.ring.layout import HEAD, NAMES_BYTES, NAMES_START, Kind, Word
from absgd_worker.link.ring.memory import SharedMemory
from absgd_worker.link.ring.rings import whole_payload, words_of, write_head


class NamesWriter:
    """Adds texts to the table. The text 0 says what the courier is to do."""

    def __init__(self, memory: SharedMemory) -> None:
        self._view = memory.view
        self._words = words_of(memory)
        self._used = 0
        self._count = 0

    def add(self, text: bytes) -> int | None:
        """The number of the text, from 0; None if there is no room for it."""
        needed = HEAD.size + (len(text) + 7 & ~7)
        if self._used + needed > NAMES_BYTES or self._count >= INLINE:
            return None
        place = NAMES_START + self._used + HEAD.size
        self._view[place : place + len(text)] = text
        write_head(self._view, place, len(text), number=self._count, kind=Kind.PLAIN)
        self._used += needed
        self._words[Word.NAMES] = self._used
        self._count += 1
        return self._count - 1


class NamesReader:
    """Reads the table, while it grows."""

    def __init__(self, memory: SharedMemory) -> None:
        self._view = memory.view
        self._words = words_of(memory)
        self._read = 0
        self._texts: list[bytes] = []

    def get(self, number: int) -> bytes | None:
        """The text with this number; None while it is not there."""
        while number >= len(self._texts) and self._read < self._words[Word.NAMES]:
            start = NAMES_START + self._read
            length = HEAD.unpack_from(self._view, start)[0]
            payload = whole_payload(self._view, start, length)
            if payload is None:
                return None
            self._texts.append(bytes(payload))
            self._read += HEAD.size + (length + 7 & ~7)
        return self._texts[number] if number < len(self._texts) else None


INLINE = 0xFFFF
"""In place of the number of a text: the table is full, and the record has the text itself."""
