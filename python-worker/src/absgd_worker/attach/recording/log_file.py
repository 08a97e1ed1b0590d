"""A log of a run that no controller writes (proto/README.md, "Frames of a log")."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

from absgd_worker.attach.errors import SessionError
from absgd_worker.console import complain
from absgd_worker.link.spool import FORMAT
from absgd_worker.version import version_number


class LogFile:
    """Appends frames; takes the place of a `Spool` where nobody acknowledges.

    What a crash left half written at the end of an earlier process's log is moved into a file beside it. A
    disk that refuses costs records, not training.

    Args:
        each: is given the payload of every frame that is there already.

    Raises:
        SessionError: the file is no log of this stream and format; it is left as it is.
    """

    def __init__(
        self, path: Path, stream: str, each: Callable[[bytes], None] = lambda _payload: None
    ) -> None:
        self._path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self.bytes = self._whole_bytes(KINDS[stream], each)
        self._cut()
        os.lseek(self._file, 0, os.SEEK_END)
        self.is_refused = False
        self.last = 0
        self.acked = 0
        self._header = struct.pack("<8sHHI", MAGIC, FORMAT, KINDS[stream], version_number())
        if self.bytes == 0:
            self._write(self._header)

    def append(self, payload: bytes) -> int:
        """Writes the next frame with one write, and returns its sequence."""
        frame = struct.pack("<II", len(payload), zlib.crc32(payload)) + payload
        # The disk may have refused the header when the log began.
        if self._write(frame if self.bytes else self._header + frame):
            self.last += 1
        return self.last

    @property
    def forgotten(self) -> int:
        return 0

    def take_back(self, _seq: int) -> None:
        pass

    def read(self, _seq: int) -> bytes | None:
        return None

    def acknowledge(self, _seq: int) -> None:
        pass

    def sync(self) -> bool:
        """Puts every frame on disk for good. Returns False where the disk refuses that."""
        try:
            os.fsync(self._file)
        except OSError:
            return False
        return not self.is_refused

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

    def _whole_bytes(self, kind: int, each: Callable[[bytes], None]) -> int:
        size = os.fstat(self._file).st_size
        if size < HEADER_BYTES:
            return 0
        magic, of, found, _ = struct.unpack("<8sHHI", os.pread(self._file, HEADER_BYTES, 0))
        if (magic, of, found) != (MAGIC, FORMAT, kind):
            self.close()
            raise SessionError(
                f"cannot go on with {self._path}: it is no log of this kind, or of another version's format; "
                "record this run under another name"
            )
        end = HEADER_BYTES
        while end <= size - 8:
            length, crc = struct.unpack("<II", os.pread(self._file, 8, end))
            payload = os.pread(self._file, length, end + 8) if length <= size - end - 8 else b""
            if len(payload) != length or zlib.crc32(payload) != crc:
                break
            each(payload)
            end += 8 + length
        return end

    def _free_name(self, name: str) -> tuple[Path, int]:
        """A new file beside the log, and its descriptor: what was cut off before stays."""
        number = 1
        while True:
            path = self._path.with_name(name if number == 1 else f"{name}-{number}")
            try:
                return path, os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except FileExistsError:
                number += 1

    def _cut(self) -> None:
        """Nobody could read what is appended behind half a frame."""
        rest = os.fstat(self._file).st_size - self.bytes
        if rest == 0:
            return
        aside, descriptor = self._free_name(f"{self._path.name}.cut-{self.bytes}")
        with os.fdopen(descriptor, "wb") as file:
            at = self.bytes
            while chunk := os.pread(self._file, 1 << 20, at):
                file.write(chunk)
                at += len(chunk)
        os.ftruncate(self._file, self.bytes)
        complain(f"absgd: {self._path} ended in half a record: {rest} bytes were moved to {aside}")


HEADER_BYTES = 16
MAGIC = b"ABSGDLOG"
KINDS = {"steps": 1, "samples": 2}
