"""Frames of logs and spools: one writer, whose file holds whole frames whatever the disk refuses."""

from __future__ import annotations

import os
import random

import pytest

from absgd_worker.link.courier import frames
from absgd_worker.link.courier.frames import FrameWriter, has_header, header_of, read_frame
from absgd_worker.link.courier.log_file import LogFile
from absgd_worker.link.courier.spool import Spool


class FailingDisk:
    """Refuses some writes, wholly or after a part of the data."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
        self._write = os.write
        self._random = random.Random(seed)
        monkeypatch.setattr(os, "write", self.write)

    def write(self, file: int, data: bytes) -> int:
        choice = self._random.random()
        if choice < 0.2:
            raise OSError(28, "No space left on device")
        if choice < 0.4:
            return self._write(file, data[: self._random.randrange(len(data))])
        return self._write(file, data)


def payloads_in(file: int, size: int) -> list[bytes]:
    found, offset = [], frames.HEADER_BYTES
    while (payload := read_frame(file, offset, size)) is not None:
        found.append(payload)
        offset += 8 + len(payload)
    assert offset == max(size, frames.HEADER_BYTES), "the file ends with a whole frame"
    return found


@pytest.mark.parametrize("seed", range(30))
def test_a_file_holds_the_accepted_frames_and_nothing_else_whatever_the_disk_refuses(
    seed, tmp_path, monkeypatch
):
    draw = random.Random(seed)
    file = os.open(tmp_path / "x.log", os.O_RDWR | os.O_CREAT)
    accepted = []
    with monkeypatch.context() as patched:
        FailingDisk(patched, seed)
        writer = FrameWriter(file, "samples")
        for _ in range(40):
            payload = draw.randbytes(draw.choice([0, 1, 7, 300]))
            try:
                offset = writer.append(payload)
            except OSError:
                continue
            accepted.append((offset, payload))
    size = os.fstat(file).st_size
    assert size == writer.size
    assert payloads_in(file, size) == [payload for _, payload in accepted]
    assert [read_frame(file, offset, size) for offset, _ in accepted] == [payload for _, payload in accepted]
    assert has_header(file, "samples")
    assert not has_header(file, "steps")
    os.close(file)


@pytest.mark.parametrize("stream", ["steps", "samples"])
def test_a_log_and_a_spool_of_the_same_records_are_the_same_bytes(stream, tmp_path):
    payloads = [random.Random(size).randbytes(size) for size in (0, 1, 1000)]
    log, spool = LogFile(tmp_path / "a.log", stream), Spool(tmp_path, 1, stream)
    for payload in payloads:
        log.append(payload)
        spool.append(payload)
    log.close()
    spool.close()
    [segment] = tmp_path.glob(f"*.{stream}.*")
    assert segment.read_bytes() == (tmp_path / "a.log").read_bytes()
    assert (tmp_path / "a.log").read_bytes().startswith(header_of(stream))


@pytest.mark.parametrize("cut", range(1, 20))
def test_a_damaged_or_incomplete_frame_is_not_read(cut, tmp_path):
    path = tmp_path / "x.log"
    file = os.open(path, os.O_RDWR | os.O_CREAT)
    writer = FrameWriter(file, "steps")
    writer.append(b"first")
    offset = writer.append(b"second word")
    whole = path.read_bytes()
    if cut < 20:
        assert read_frame(file, offset, writer.size - cut) is None
    # A length that is larger than the file is not allocated.
    damaged = bytearray(whole)
    damaged[offset + cut - 1] ^= 0xFF
    path.write_bytes(damaged)
    assert read_frame(file, offset, writer.size) is None
    assert read_frame(file, frames.HEADER_BYTES, writer.size) == b"first"
    os.close(file)
