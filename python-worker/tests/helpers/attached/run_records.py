"""Reads the records of the runs that a test wrote."""

from __future__ import annotations

import struct
from pathlib import Path

from absgd_worker.gen import record_pb2


def records(path: Path) -> list[record_pb2.Record]:
    data, at, found = path.read_bytes(), 16, []
    while at < len(data):
        length, _ = struct.unpack_from("<II", data, at)
        found.append(record_pb2.Record.FromString(data[at + 8 : at + 8 + length]))
        at += 8 + length
    return found


def bodies(directory: Path) -> list[str]:
    return [record.WhichOneof("body") or "" for record in records(directory / "steps.log")]
