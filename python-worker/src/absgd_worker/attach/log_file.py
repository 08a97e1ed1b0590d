"""A log of a run that no controller writes (proto/README.md, "Frames of a log")."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

from absgd_worker.console import complain
from absgd_worker.spool import FORMAT
from absgd_worker.version import version_number


class LogFile:
    """Appends frames; takes the place of a `Spool` where nobody acknowledges.

    What a crash left half written at its end is cut off. A disk that refuses costs records, not training.
    """

    def __init__(self, path: Path, stream: str) -> None:
        self._path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self.bytes = self._whole_bytes()
        os.ftruncate(self._file, self.bytes)
        os.lseek(self._file, 0, os.SEEK_END)
        self.is_refused = False
        self.last = 0
        self.acked = 0
        if self.bytes == 0:
            self._write(struct.pack("<8sHHI", b"ABSGDLOG", FORMAT, KINDS[stream], version_number()))

    def append(self, payload: bytes) -> int:
        """Writes the next frame with one write, and returns its sequence."""
        if self._write(struct.pack("<II", len(payload), zlib.crc32(payload)) + payload):
            self.last += 1
        return self.last

    def read(self, _seq: int) -> bytes | None:
        return None

    def acknowledge(self, _seq: int) -> None:
        pass

    def close(self) -> None:
        """May be called twice."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _write(self, frame: bytes) -> bool:
        try:
            if os.write(self._file, frame) != len(frame):
                raise OSError("the disk is full")
        except OSError as error:
            if not self.is_refused:
                complain(f"absgd: {self._path} cannot be written: {error}; training goes on unrecorded")
            self.is_refused = True
            os.ftruncate(self._file, self.bytes)
            os.lseek(self._file, 0, os.SEEK_END)
            return False
        self.is_refused = False
        self.bytes += len(frame)
        return True

    def _whole_bytes(self) -> int:
        size = os.fstat(self._file).st_size
        end = HEADER_BYTES if size >= HEADER_BYTES else 0
        while 0 < end <= size - 8:
            length, crc = struct.unpack("<II", os.pread(self._file, 8, end))
            payload = os.pread(self._file, length, end + 8)
            if len(payload) != length or zlib.crc32(payload) != crc:
                break
            end += 8 + length
        return end


HEADER_BYTES = 16
KINDS = {"steps": 1, "samples": 2}
