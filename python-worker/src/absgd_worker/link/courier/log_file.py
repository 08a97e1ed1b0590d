"""A log file of a run without a controller (proto/README.md, "Frames of a log")."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from absgd_worker.console import complain
from absgd_worker.errors import SessionError
from absgd_worker.link.courier.frames import HEADER_BYTES, FrameWriter, has_header, read_frame
from absgd_worker.link.wire.covered import Covered
from absgd_worker.link.wire.record_codec import covered_of


class LogFile:
    """Appends frames to a log; takes the place of a `Spool` without a controller that acknowledges them.

    If a crash left an incomplete frame at the end of an earlier process's log, that end is moved into a file
    beside it. A disk that refuses a frame costs its records; training continues.

    Args:
        on_record: called with the payload of every frame that is in the file already.
        incarnation: of the process whose records are appended; those that are there already are counted.

    Raises:
        SessionError: the file is not a log of this stream and format; it is unchanged.
    """

    def __init__(
        self,
        path: Path,
        stream: str,
        on_record: Callable[[bytes], None] = lambda _payload: None,
        *,
        incarnation: int = 0,
    ) -> None:
        self._path = path
        self.last = 0
        self.acked = 0
        self.covered = Covered()
        """What an earlier courier of this incarnation has written of the records in the shared memory."""
        self._incarnation = incarnation
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        whole_bytes = self._whole_bytes(stream, on_record)
        self._move_incomplete_frame(whole_bytes)
        os.lseek(self._file, 0, os.SEEK_END)
        self._writer = FrameWriter(self._file, stream, whole_bytes)
        self.is_refused = False
        self.is_stopped = False
        """Whether another process writes this log now."""
        try:
            self._writer.write_header()
        except OSError as error:
            self._refuse(error)

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._writer.size

    def append(self, payload: bytes) -> int:
        """Writes the next frame, and returns the number of the last frame that was written."""
        if self.is_stopped:
            return self.last
        try:
            self._writer.append(payload)
        except OSError as error:
            self._refuse(error)
            return self.last
        self.is_refused = False
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
        """Syncs the file to disk. Returns False if the disk refuses that, or has refused the last frame."""
        try:
            os.fsync(self._file)
        except OSError:
            return False
        return not self.is_refused

    def close(self) -> None:
        """Closes the file. May be called twice."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _refuse(self, error: OSError) -> None:
        if not self.is_refused:
            complain(f"absgd: {self._path} cannot be written: {error}; training goes on unrecorded")
        self.is_refused = True

    def _whole_bytes(self, stream: str, on_record: Callable[[bytes], None]) -> int:
        """The size of the header and the complete frames of the file."""
        size = os.fstat(self._file).st_size
        if size < HEADER_BYTES:
            return 0
        if not has_header(self._file, stream):
            self.close()
            raise SessionError(
                f"cannot go on with {self._path}: it is no log of this kind, or of another version's format; "
                "record this run under another name"
            )
        end = HEADER_BYTES
        while (payload := read_frame(self._file, end, size)) is not None:
            on_record(payload)
            self._count(payload)
            end += 8 + len(payload)
        return end

    def _count(self, payload: bytes) -> None:
        covered = covered_of(payload, self._incarnation) if self._incarnation else None
        if covered is not None:
            self.last += 1
            self.covered = max(self.covered, covered)

    def _move_incomplete_frame(self, whole_bytes: int) -> None:
        """Moves the end of the file away: no reader could read frames after an incomplete one."""
        rest = os.fstat(self._file).st_size - whole_bytes
        if rest == 0:
            return
        aside, descriptor = self._new_file(f"{self._path.name}.cut-{whole_bytes}")
        with os.fdopen(descriptor, "wb") as file:
            offset = whole_bytes
            while chunk := os.pread(self._file, 1 << 20, offset):
                file.write(chunk)
                offset += len(chunk)
        os.ftruncate(self._file, whole_bytes)
        complain(f"absgd: {self._path} ended in half a record: {rest} bytes were moved to {aside}")

    def _new_file(self, name: str) -> tuple[Path, int]:
        """A new file beside the log, and its descriptor; a number is added to a name that exists."""
        number = 1
        while True:
            path = self._path.with_name(name if number == 1 else f"{name}-{number}")
            try:
                return path, os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except FileExistsError:
                number += 1
