"""The frames of a log file and of a spool segment (proto/README.md, "Frames of a log").

A file is a header of 16 bytes and then frames: length and CRC-32 of the payload, then the payload.
"""

from __future__ import annotations

import os
import struct
import zlib

from absgd_worker.version import version_number


class FrameWriter:
    """Appends frames to a file. The file always ends with a whole frame, even if the disk refuses one.

    Args:
        file: a descriptor that is open for writing, at the end of the file.
        stream: "steps" or "samples".
        size: bytes of the file so far; 0 for a new one, which gets a header.
    """

    def __init__(self, file: int, stream: str, size: int = 0) -> None:
        self._file = file
        self._stream = stream
        self.size = size

    def write_header(self) -> None:
        """Writes the header of a new file, instead of the first `append`. Raises OSError like `append`."""
        if self.size == 0:
            self._write(header_of(self._stream))

    def append(self, payload: bytes) -> int:
        """Writes the next frame with one write, and returns the offset of the frame in the file.

        Raises:
            OSError: the disk refuses it, or has no room for all of it; the file is as before.
        """
        header = b"" if self.size else header_of(self._stream)
        offset = self.size + len(header)
        self._write(header + struct.pack("<II", len(payload), zlib.crc32(payload)) + payload)
        return offset

    def _write(self, data: bytes) -> None:
        try:
            if os.write(self._file, data) != len(data):
                raise OSError("the disk is full")
        except OSError:
            os.ftruncate(self._file, self.size)
            os.lseek(self._file, 0, os.SEEK_END)
            raise
        self.size += len(data)


def header_of(stream: str) -> bytes:
    """The 16 bytes at the start of a file: magic, format, stream, version of the writer."""
    return struct.pack("<8sHHI", MAGIC, FORMAT, KINDS[stream], version_number())


def has_header(file: int, stream: str) -> bool:
    """Whether the file begins with a header of this stream and format, from any version of the writer."""
    start = os.pread(file, HEADER_BYTES, 0)
    return len(start) == HEADER_BYTES and start[:12] == header_of(stream)[:12]


def read_frame(file: int, offset: int, size: int) -> bytes | None:
    """The payload of the frame at `offset` in a file of `size` bytes; None if it is cut off or damaged."""
    if offset + 8 > size:
        return None
    prefix = os.pread(file, 8, offset)
    if len(prefix) < 8:
        return None
    length, crc = struct.unpack("<II", prefix)
    if length > size - offset - 8:
        return None
    payload = os.pread(file, length, offset + 8)
    return payload if len(payload) == length and zlib.crc32(payload) == crc else None


MAGIC = b"ABSGDLOG"

FORMAT = 1
"""The version of the file format, in the header of every file."""

HEADER_BYTES = 16

KINDS = {"steps": 1, "samples": 2}
"""The number of each stream in the header."""
