"""Telemetry that waits on disk."""

from __future__ import annotations

import resource
import signal

import pytest

from absgd_worker.gen import record_pb2
from absgd_worker.link.courier import spool as spools
from absgd_worker.link.courier.spool import Spool
from worker_process import read_segment

INCARNATION = 0x0123456789ABCDEF


def payload(seq, size=100):
    return record_pb2.Record(seq=seq, origin="x" * size).SerializeToString()


def filled(tmp_path, count, **sizes):
    spool = Spool(tmp_path, INCARNATION, "steps")
    for seq in range(1, count + 1):
        assert spool.append(payload(seq, **sizes)) == seq
    return spool


@pytest.fixture
def small(monkeypatch):
    """Segments of a kilobyte, and hardly any memory."""
    monkeypatch.setattr(spools, "SEGMENT_BYTES", 1000)
    monkeypatch.setattr(spools, "MEMORY_BYTES", 300)


def files(tmp_path):
    return sorted(file.name for file in tmp_path.iterdir())


def test_a_spool_is_a_log_that_any_reader_can_read(tmp_path, small):
    spool = filled(tmp_path, 20)
    spool.close()
    assert files(tmp_path)[0] == "0123456789abcdef.steps.000000000001.log"
    records = [record for name in files(tmp_path) for record in read_segment(tmp_path / name)]
    assert [record.seq for record in records] == list(range(1, 21))
    assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o600}


def test_frames_are_read_again_from_disk_once_memory_has_let_go_of_them(tmp_path, small):
    spool = filled(tmp_path, 30)
    assert len(spool._memory) < 5
    assert [spool.read(seq) for seq in (1, 30, 12, 2)] == [payload(seq) for seq in (1, 30, 12, 2)]


def test_segments_are_deleted_once_acknowledged(tmp_path, small):
    spool = filled(tmp_path, 40)
    before = files(tmp_path)
    spool.acknowledge(20)
    after = files(tmp_path)
    assert 0 < len(after) < len(before)
    assert after == before[-len(after) :]
    assert spool.read(21) == payload(21)
    spool.acknowledge(40)
    spool.close()
    assert files(tmp_path) == []


def test_what_is_not_acknowledged_stays_after_the_end(tmp_path, small):
    spool = filled(tmp_path, 40)
    spool.acknowledge(39)
    spool.close()
    (name,) = files(tmp_path)
    assert read_segment(tmp_path / name)[-1].seq == 40


def test_an_acknowledgement_beyond_the_end_or_repeated_does_no_harm(tmp_path, small):
    spool = filled(tmp_path, 10)
    spool.acknowledge(7)
    spool.acknowledge(3)
    spool.acknowledge(99)
    assert spool.append(payload(11)) == 11
    assert spool.read(11) == payload(11)
    assert spool.size == len(payload(11)) + 8


def test_bytes_count_what_is_not_acknowledged(tmp_path, small):
    spool = filled(tmp_path, 40)
    spool.acknowledge(25)
    assert spool.size == sum(len(payload(seq)) + 8 for seq in range(26, 41))


def test_a_frame_that_the_disk_refuses_is_still_there_for_the_controller_and_tears_no_file(
    tmp_path, small, capsys
):
    spool = filled(tmp_path, 3)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (450, hard))
        for seq in range(4, 7):
            spool.append(payload(seq, size=1000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)
    assert spool.is_refused
    (name,) = files(tmp_path)
    assert [record.seq for record in read_segment(tmp_path / name)] == [1, 2, 3]
    assert "telemetry cannot be written" in capsys.readouterr().err
    assert [spool.read(seq) for seq in range(1, 7)] == [payload(1), payload(2), payload(3)] + [
        payload(seq, size=1000) for seq in range(4, 7)
    ]
    spool.append(payload(7))
    spool.acknowledge(6)
    assert not spool.is_refused
    spool.close()
    assert [record.seq for name in files(tmp_path) for record in read_segment(tmp_path / name)] == [7]
