"""Keeps telemetry on disk until the controller's log has it (proto/README.md, "Frames of a log").

Every frame is written here before it is sent.
"""

from __future__ import annotations

import os
from array import array
from collections import deque
from pathlib import Path

from absgd_worker.console import complain
from absgd_worker.link.courier.frames import HEADER_BYTES, FrameWriter, has_header, read_frame
from absgd_worker.link.wire.covered import Covered
from absgd_worker.link.wire.record_codec import covered_of


class Spool:
    """The frames of one stream, numbered from 1, in segment files that are deleted once acknowledged.

    A frame that the disk refuses is kept in memory, so that it still reaches a controller that is running.
    Segments that an earlier courier of the same incarnation has left are continued.
    """

    def __init__(self, directory: Path, incarnation: int, stream: str) -> None:
        self._directory = directory
        self._prefix = f"{incarnation:016x}.{stream}"
        self._stream = stream
        self._segments: deque[_Segment] = deque()
        self._memory: dict[int, bytes] = {}
        self._memory_bytes = 0
        self._refused: set[int] = set()
        self._reader: tuple[_Segment, int] | None = None
        self._synced = 0
        self.last = 0
        self.acked = 0
        self.covered = Covered()
        """What the last frame of an earlier courier covers of the records in the shared memory."""
        for path in sorted(directory.glob(f"{self._prefix}.*.log")):
            self._continue(path)

    @property
    def size(self) -> int:
        """Bytes on disk that are not acknowledged."""
        return sum(segment.bytes_after(self.acked) for segment in self._segments)

    @property
    def is_refused(self) -> bool:
        """Whether there are frames that the disk refused and that are not acknowledged yet."""
        return bool(self._refused)

    def append(self, payload: bytes) -> int:
        """Writes the next frame, and returns its sequence number."""
        self.last += 1
        try:
            self._write(payload)
        except OSError as error:
            if not self._refused:
                complain(
                    f"absgd worker: telemetry cannot be written to {self._directory}: {error}; "
                    "training goes on"
                )
            self._refused.add(self.last)
        self._remember(self.last, payload)
        return self.last

    def read(self, seq: int) -> bytes | None:
        """The frame `seq`; None if it cannot be read from disk."""
        payload = self._memory.get(seq)
        if payload is not None:
            return payload
        try:
            return self._read_from_disk(seq)
        except OSError:
            return None

    def acknowledge(self, seq: int) -> None:
        """Deletes the frames up to and including `seq`, which the controller's log has."""
        for gone in range(self.acked + 1, min(seq, self.last) + 1):
            self._memory_bytes -= len(self._memory.pop(gone, b""))
            self._refused.discard(gone)
        self.acked = max(self.acked, min(seq, self.last))
        while len(self._segments) > 1 and self._segments[0].last <= self.acked:
            self._drop_first()

    @property
    def forgotten(self) -> int:
        """The last sequence number that cannot be read any more, as it was acknowledged; 0 if all can."""
        first = self.acked + 1
        for segment in reversed(self._segments):
            if segment.last < first - 1:
                break
            first = min(first, segment.first)
        return first - 1

    def take_back(self, seq: int) -> None:
        """Counts only frames up to `seq` as acknowledged, if the frames after it can still be read."""
        self.acked = min(self.acked, max(seq, self.forgotten))

    def sync(self) -> bool:
        """Syncs every frame to disk.

        Returns:
            False if the disk refuses that, or has refused a frame that is not acknowledged.
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
        return not self._refused

    def close(self) -> None:
        """Closes the files, and deletes those that are wholly acknowledged. May be called twice."""
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
                self._directory / f"{self._prefix}.{self.last:012d}.log", self._stream, self.last
            )
            self._segments.append(segment)
        try:
            segment.append(payload)
        except OSError:
            if segment.last < segment.first:
                self._segments.pop().delete()
            raise

    def _continue(self, path: Path) -> None:
        """Takes over a segment. A frame that was not written to its end is cut off."""
        first = int(path.name.split(".")[2])
        if self._segments:
            self._segments[-1].close()
        try:
            segment = _Segment(path, self._stream, first, exists=True)
        except OSError as error:
            complain(f"absgd worker: {path} cannot be continued: {error}")
            return
        self._segments.append(segment)
        if not self.last:
            self.acked = first - 1
        self.last = max(self.last, segment.last)
        if segment.last >= segment.first:
            payload = self._read_from_disk(segment.last)
            incarnation = int(self._prefix.split(".")[0], 16)
            self.covered = (payload and covered_of(payload, incarnation)) or self.covered

    def _remember(self, seq: int, payload: bytes) -> None:
        self._memory[seq] = payload
        self._memory_bytes += len(payload)
        if self._memory_bytes <= MEMORY_BYTES:
            return
        for old in list(self._memory):
            if old not in self._refused:
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

    def __init__(self, path: Path, stream: str, first: int, *, exists: bool = False) -> None:
        self.path = path
        self.first = first
        self.last = first - 1
        self._offsets = array("Q")
        if exists:
            self._open_existing(stream)
            return
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._writer = FrameWriter(self._file, stream)
        try:
            self._writer.write_header()
        except OSError:
            self.delete()
            raise

    def _open_existing(self, stream: str) -> None:
        self._file = os.open(self.path, os.O_RDWR)
        size = os.fstat(self._file).st_size
        end = HEADER_BYTES if size >= HEADER_BYTES and has_header(self._file, stream) else 0
        while end and (payload := read_frame(self._file, end, size)) is not None:
            self._offsets.append(end)
            self.last += 1
            end += 8 + len(payload)
        os.ftruncate(self._file, end)
        os.lseek(self._file, end, os.SEEK_SET)
        self._writer = FrameWriter(self._file, stream, end)

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._writer.size

    def append(self, payload: bytes) -> None:
        self._offsets.append(self._writer.append(payload))
        self.last += 1

    def read(self, file: int, seq: int) -> bytes | None:
        """The frame `seq`, from a descriptor of the file that is open for reading; None if it is damaged."""
        return read_frame(file, self._offsets[seq - self.first], self.size)

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


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


SEGMENT_BYTES = 4 << 20
"""A segment is closed at this size, so that acknowledged telemetry is soon deleted."""

MEMORY_BYTES = 8 << 20
"""Size of the frames also kept in memory: while the controller keeps up, sending reads no file."""
