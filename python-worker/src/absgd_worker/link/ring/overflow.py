"""Where records up go on when the ring is full: files on disk, as the courier is stopped or slow.

The file is opened for each record and closed again, since no descriptor may stay open in a script's process.
"""

from __future__ import annotations

import os
from collections import deque
from pathlib import Path

from absgd_worker.link.ring.layout import HEAD, Kind
from absgd_worker.link.ring.rings import Record, whole_payload, write_head


class OverflowWriter:
    """Appends records to files `<prefix>.overflow.<number>` in a directory.

    What the disk refuses stays in memory and is tried again with the next record: records are not lost.
    """

    def __init__(self, directory: Path, prefix: str) -> None:
        self._directory = directory
        self._prefix = prefix
        # Records with their numbers.
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._bytes = 0
        self._written = 0
        self.number = 0
        """That of the last file."""

    @property
    def size(self) -> int:
        """Bytes of records that are not yet in the ring or taken by the courier."""
        return self._bytes

    @property
    def has_unwritten(self) -> bool:
        """Whether the disk has refused the last records."""
        return bool(self._waiting)

    @property
    def last(self) -> int:
        """The number of the last record here."""
        return self._waiting[-1][0] if self._waiting else self._written

    def begin(self, *, after: int) -> int:
        """Begins a file, whose records come `after` one in the ring. Returns the number of the file."""
        self.number += 1
        self._bytes = 0
        self._written = after
        return self.number

    def append(self, payload: bytes | bytearray, kind: Kind, schema: int) -> None:
        """Appends the next record."""
        number = self.last + 1
        record = bytearray(HEAD.size) + payload
        write_head(memoryview(record), HEAD.size, len(payload), number=number, kind=kind, schema=schema)
        self._bytes += len(record)
        self._waiting.append((number, bytes(record)))
        self.write_waiting()

    def write_waiting(self) -> None:
        """Tries to write what the disk has refused."""
        path = overflow_path(self._directory, self._prefix, self.number)
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError:
            return
        try:
            while self._waiting:
                number, record = self._waiting[0]
                before = os.fstat(descriptor).st_size
                if os.write(descriptor, record) != len(record):
                    os.ftruncate(descriptor, before)
                    return
                # An exception that comes between these has the record written twice, which readers leave out.
                self._written = number
                self._waiting.popleft()
        except OSError:
            return
        finally:
            os.close(descriptor)

    def end(self) -> None:
        """Deletes the file: the courier has everything in it."""
        overflow_path(self._directory, self._prefix, self.number).unlink(missing_ok=True)
        self._bytes = 0


class OverflowReader:
    """Reads the files that an `OverflowWriter` of another process writes."""

    def __init__(self, directory: Path, prefix: str) -> None:
        self._directory = directory
        self._prefix = prefix
        self._file = -1
        self._number = 0
        self._at = 0

    def next(self, file: int, number: int) -> Record | None:
        """The record `number` of that file, once it is whole."""
        if file != self._number:
            self.close()
            self._number, self._at = file, 0
        if self._file < 0:
            try:
                self._file = os.open(
                    overflow_path(self._directory, self._prefix, file), os.O_RDONLY | os.O_CLOEXEC
                )
            except OSError:
                return None
        while True:
            head = os.pread(self._file, HEAD.size, self._at)
            if len(head) < HEAD.size:
                return None
            length, _, its_number, kind, schema, _ = HEAD.unpack(head)
            record = memoryview(os.pread(self._file, HEAD.size + length, self._at))
            payload = whole_payload(record, 0, length)
            if payload is None:
                return None
            if its_number > number:
                return None
            self._at += HEAD.size + length
            if its_number == number:
                return Record(number, kind, schema, payload, 0)

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def overflow_path(directory: Path, prefix: str, number: int) -> Path:
    """The file with this number."""
    return directory / f"{prefix}.overflow.{number}"
