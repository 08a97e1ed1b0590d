"""Logs and segments of a spool have the bytes of proto/golden/frames.json, as in the TypeScript suite."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from absgd_worker.link.courier.log_file import LogFile
from absgd_worker.link.courier.spool import Spool
from absgd_worker.version import version_number
from project import GOLDEN

FILES = json.loads((GOLDEN / "frames.json").read_text())["files"]
by_stream = pytest.mark.parametrize("golden", FILES, ids=[golden["stream"] for golden in FILES])


def payloads_of(golden: dict) -> list[bytes]:
    return [bytes.fromhex(payload) for payload in golden["payloads"]]


def file_of(golden: dict) -> bytes:
    """The file as a package of this version writes it."""
    data = bytes.fromhex(golden["hex"])
    return data[:12] + struct.pack("<I", version_number()) + data[16:]


@by_stream
def test_a_log_has_the_golden_bytes(tmp_path: Path, golden: dict) -> None:
    log = LogFile(tmp_path / "a.log", golden["stream"])
    for payload in payloads_of(golden):
        log.append(payload)
    log.close()
    assert (tmp_path / "a.log").read_bytes() == file_of(golden)


@by_stream
def test_a_segment_of_a_spool_has_the_golden_bytes(tmp_path: Path, golden: dict) -> None:
    spool = Spool(tmp_path, 1, golden["stream"])
    for payload in payloads_of(golden):
        spool.append(payload)
    spool.sync()
    (segment,) = tmp_path.iterdir()
    assert segment.read_bytes() == file_of(golden)
    spool.close()


@by_stream
def test_the_golden_file_is_read_to_its_end(tmp_path: Path, golden: dict) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(bytes.fromhex(golden["hex"]))
    payloads: list[bytes] = []
    LogFile(path, golden["stream"], payloads.append).close()
    assert payloads == payloads_of(golden)
    assert path.read_bytes() == bytes.fromhex(golden["hex"])
