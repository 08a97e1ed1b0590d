"""Telemetry on disk until the controller's log has it (proto/README.md, "Frames of a log").

Every frame is written here before it is sent. Without a controller the spool is the log.
"""

from __future__ import annotations

import os
import struct
import zlib
from array import array
from collections import deque
from pathlib import Path

from absgd_worker.console import complain
from absgd_worker.version import version_number


class Spool:
    """The frames of one stream, by sequence from 1, in segments that are deleted once acknowledged.

    A frame that the disk refuses is kept in memory instead, so that it still reaches a living controller.
    """

    def __init__(self, directory: Path, incarnation: int, stream: str) -> None:
        self._directory = directory
        self._prefix = f"{incarnation:016x}.{stream}"
        self._kind = _KINDS[stream]
        self._segments: deque[_Segment] = deque()
        self._memory: dict[int, bytes] = {}
        self._memory_bytes = 0
        self._homeless: set[int] = set()
        self._reader: tuple[_Segment, int] | None = None
        self._synced = 0
        self.last = 0
        self.acked = 0

    @property
    def bytes(self) -> int:
        """Bytes on disk that are not acknowledged."""
        return sum(segment.bytes_after(self.acked) for segment in self._segments)

    @property
    def is_refused(self) -> bool:
        """Whether there are frames that the disk refused and that are not acknowledged yet."""
        return bool(self._homeless)

    def append(self, payload: bytes) -> int:
        """Writes the next frame with one write, and returns its sequence."""
        self.last += 1
        try:
            self._write(payload)
        except OSError as error:
            if not self._homeless:
                complain(
                    f"absgd worker: telemetry cannot be written to {self._directory}: {error}; "
                    "training goes on"
                )
            self._homeless.add(self.last)
        self._remember(self.last, payload)
        return self.last

    def read(self, seq: int) -> bytes | None:
        """The frame `seq`; None when the disk lost it."""
        payload = self._memory.get(seq)
        if payload is not None:
            return payload
        try:
            return self._read_from_disk(seq)
        except OSError:
            return None

    def acknowledge(self, seq: int) -> None:
        """Forgets everything up to and including `seq`."""
        for gone in range(self.acked + 1, min(seq, self.last) + 1):
            self._memory_bytes -= len(self._memory.pop(gone, b""))
            self._homeless.discard(gone)
        self.acked = max(self.acked, min(seq, self.last))
        while len(self._segments) > 1 and self._segments[0].last <= self.acked:
            self._drop_first()

    @property
    def forgotten(self) -> int:
        """The last sequence that cannot be read any more, since it was acknowledged; 0 where all can."""
        first = self.acked + 1
        for segment in reversed(self._segments):
            if segment.last < first - 1:
                break
            first = min(first, segment.first)
        return first - 1

    def take_back(self, seq: int) -> None:
        """Counts only what `seq` covers as acknowledged, as far as the rest can still be read."""
        self.acked = min(self.acked, max(seq, self.forgotten))

    def sync(self) -> bool:
        """Puts every frame on disk for good.

        Returns:
            False where the disk refuses that, or has refused a frame that is not acknowledged.
        """
        try:
            for segment in self._segments:
                if segment.last > self._synced:
                    _sync(segment.path)
            if self._segments:
                _sync(self._directory)
        except OSError:
            return False
        self._synced = self.last
        return not self._homeless

    def close(self) -> None:
        """Lets go of the files; those that are acknowledged as a whole are deleted. May be called twice."""
        if self._reader is not None:
            os.close(self._reader[1])
            self._reader = None
        if self._segments:
            self._segments[-1].close()
        while self._segments and self._segments[0].last <= self.acked:
            self._drop_first()

    def _write(self, payload: bytes) -> None:
        segment = self._segments[-1] if self._segments else None
        if segment is None or segment.size >= SEGMENT_BYTES or segment.last != self.last - 1:
            if segment is not None:
                segment.close()
            segment = _Segment(
                self._directory / f"{self._prefix}.{self.last:012d}.log", self._kind, self.last
            )
            self._segments.append(segment)
        try:
            segment.append(payload)
        except OSError:
            if segment.last < segment.first:
                self._segments.pop().delete()
            raise

    def _remember(self, seq: int, payload: bytes) -> None:
        self._memory[seq] = payload
        self._memory_bytes += len(payload)
        if self._memory_bytes <= MEMORY_BYTES:
            return
        for old in list(self._memory):
            if old not in self._homeless:
                self._memory_bytes -= len(self._memory.pop(old))
            if self._memory_bytes <= MEMORY_BYTES // 2:
                break

    def _read_from_disk(self, seq: int) -> bytes | None:
        segment = next((segment for segment in self._segments if segment.first <= seq <= segment.last), None)
        if segment is None:
            return None
        if self._reader is None or self._reader[0] is not segment:
            if self._reader is not None:
                os.close(self._reader[1])
                self._reader = None
            self._reader = (segment, os.open(segment.path, os.O_RDONLY))
        return segment.read(self._reader[1], seq)

    def _drop_first(self) -> None:
        segment = self._segments.popleft()
        if self._reader is not None and self._reader[0] is segment:
            os.close(self._reader[1])
            self._reader = None
        segment.delete()


class _Segment:
    """One file of frames with consecutive sequences from `first`."""

    def __init__(self, path: Path, kind: int, first: int) -> None:
        self.path = path
        self.first = first
        self.last = first - 1
        self.size = 0
        self._offsets = array("Q")
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            self._write(struct.pack("<8sHHI", b"ABSGDLOG", FORMAT, kind, version_number()))
        except OSError:
            self.delete()
            raise

    def append(self, payload: bytes) -> None:
        offset = self.size
        self._write(struct.pack("<II", len(payload), zlib.crc32(payload)) + payload)
        self._offsets.append(offset)
        self.last += 1

    def read(self, file: int, seq: int) -> bytes | None:
        offset = self._offsets[seq - self.first]
        prefix = os.pread(file, 8, offset)
        if len(prefix) < 8:
            return None
        length, crc = struct.unpack("<II", prefix)
        payload = os.pread(file, length, offset + 8)
        return payload if zlib.crc32(payload) == crc else None

    def bytes_after(self, seq: int) -> int:
        if seq >= self.last:
            return 0
        return self.size - self._offsets[max(0, seq + 1 - self.first)]

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def delete(self) -> None:
        self.close()
        self.path.unlink(missing_ok=True)

    def _write(self, frame: bytes) -> None:
        try:
            if os.write(self._file, frame) != len(frame):
                raise OSError("the disk is full")
        except OSError:
            # The frames that follow go into another segment; this one is to end whole.
            os.ftruncate(self._file, self.size)
            raise
        self.size += len(frame)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


FORMAT = 1
"""Of the frames, as in the header of every file."""

SEGMENT_BYTES = 4 << 20
"""A segment is closed once it is this large, so that acknowledged telemetry leaves the disk soon."""

MEMORY_BYTES = 8 << 20
"""Frames kept in memory beside the disk, so that sending reads no file while the controller keeps up."""

_KINDS = {"steps": 1, "samples": 2}
