"""No record is lost for its stream, its size, or a spool that cannot be read."""

from __future__ import annotations

import os
import random
from typing import Any

import pytest

from absgd_worker.gen import record_pb2, stream_pb2
from absgd_worker.link.courier import frames
from absgd_worker.link.courier.log_file import LogFile
from absgd_worker.link.wire import frame_size
from absgd_worker.link.wire.messages import Acked, Position
from absgd_worker.link.wire.record_codec import encode_record, stream_of
from absgd_worker.link.wire.records import FIELDS, Evaluation, Note, SampleInfo, SamplePredictions
from sent_telemetry import bodies, sent, telemetry
from worker_process import read_segment


def stream_of_field(field: Any) -> int:
    """What the contract says at a field of Record."""
    option: Any = stream_pb2.stream
    return field.GetOptions().Extensions[option]


def predictions(first):
    return SamplePredictions(1, 0, first, 1, bytes(4), bytes(4))


def test_every_kind_of_record_names_its_stream_in_the_contract():
    fields = record_pb2.Record.DESCRIPTOR.oneofs_by_name["body"].fields
    said = {field.name: stream_of_field(field) for field in fields}
    assert stream_pb2.STREAM_UNSPECIFIED not in said.values()
    assert [name for name, stream in said.items() if stream == stream_pb2.STREAM_SAMPLES] == [
        "sample_batch",
        "sample_info",
        "sample_predictions",
    ]
    assert set(FIELDS.values()) <= set(said)


def test_the_stream_of_a_body_is_that_of_its_kind():
    for body in (predictions(0), SampleInfo(0, 0), Note("n", Position(1, 0))):
        encoded = encode_record(body, origin="w", incarnation=1, seq=1, time_ms=0)
        kind = record_pb2.Record.FromString(encoded).WhichOneof("body")
        field = record_pb2.Record.DESCRIPTOR.fields_by_name[kind]
        said = stream_of_field(field)
        assert stream_of(body) == {1: "steps", 2: "samples"}[said]


@pytest.mark.parametrize("seed", range(20))
def test_any_interleaving_of_records_welcomes_and_acknowledgements_delivers_all(tmp_path, seed):
    """A controller that takes what continues a stream, syncs now and then, and is replaced at any time."""
    drawn = random.Random(seed)
    made = telemetry(tmp_path)
    taken: dict[str, list[bytes]] = {"steps": [], "samples": []}
    durable = {"steps": 0, "samples": 0}

    def receive(count):
        for _ in range(count):
            frame = made.next_frame()
            if frame is None:
                return
            record = record_pb2.Record.FromString(frame)
            kind = record_pb2.Record.DESCRIPTOR.fields_by_name[record.WhichOneof("body")]
            name = {1: "steps", 2: "samples"}[stream_of_field(kind)]
            if record.seq == len(taken[name]) + 1:
                taken[name].append(frame)
            made.advance()

    reported = {"steps": 0, "samples": 0}
    for number in range(200):
        choice = drawn.random()
        if choice < 0.5:
            body = predictions(number) if drawn.random() < 0.5 else Note(str(number), Position(1, 0))
            reported[stream_of(body)] += 1
            made.take([body])
        elif choice < 0.8:
            receive(drawn.randrange(8))
        elif choice < 0.9:
            durable = {name: len(frames) for name, frames in taken.items()}
            made.acknowledge(Acked(**durable))
        else:
            # Of a controller that was killed, what it had not synced may be lost as well.
            for name, frames in taken.items():
                del frames[durable[name] :]
            made.welcome(Acked(**durable), 2, 1 << 30)
    made.welcome(Acked(**durable), 3, 1 << 30)
    for name, frames in taken.items():
        del frames[durable[name] :]
    receive(1000)
    assert {name: len(frames) for name, frames in taken.items()} == reported


def test_a_record_that_the_disk_lost_leaves_no_hole(tmp_path, capfd, monkeypatch):
    monkeypatch.setattr("absgd_worker.link.courier.spool.MEMORY_BYTES", 0)
    made = telemetry(tmp_path)
    made.take([Note(str(number), Position(1, 0)) for number in range(3)])
    made.take([predictions(number) for number in range(3)])
    for file in tmp_path.iterdir():
        file.write_bytes(file.read_bytes()[:60])
    records = sent(made)
    assert sorted((kind, record.seq) for kind, record in zip(bodies(records), records, strict=True)) == [
        ("note", 1),
        ("note", 2),
        ("note", 3),
        ("note", 4),
        ("note", 5),
        ("note", 6),
        ("sample_batch", 1),
        ("sample_batch", 2),
        ("sample_batch", 3),
    ]
    assert capfd.readouterr().err.count("is lost") == 6


def test_a_controller_whose_log_lost_its_end_is_told_what_cannot_be_sent(tmp_path, monkeypatch):
    monkeypatch.setattr("absgd_worker.link.courier.spool.SEGMENT_BYTES", 100)
    made = telemetry(tmp_path)
    for number in range(20):
        made.take([Note(str(number), Position(1, 0))])
    assert made.forgotten == Acked(0, 0)
    made.acknowledge(Acked(20, 0))
    first = made.forgotten.steps + 1
    assert 1 < first <= 21
    made.welcome(Acked(first - 1, 0), 2, 1 << 30)
    assert [record.seq for record in sent(made)] == list(range(first, 21))


def test_what_is_larger_than_a_frame_is_told_in_pieces(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(frame_size, "LARGEST", 1000)
    made = telemetry(tmp_path)
    names = [f"{number:04d}" * 20 for number in range(50)]
    made.take([SampleInfo(7, 50, bytes(200), b"", names)])
    made.take([SamplePredictions(1, 3, 0, 400, bytes(1600), bytes(1600))])
    made.take([Evaluation(1, 3, "val", {"accuracy": 1.0}, 40, bytes(6400), 0.0)])
    records = sent(made)
    infos = [record.sample_info for record in records if record.HasField("sample_info")]
    assert [name for info in infos for name in info.ids] == names
    assert infos[0].first_index == 7
    assert sum(info.count for info in infos) == 50
    assert sum(record.sample_predictions.count for record in records) == 400
    assert max(record.ByteSize() for record in records) < 1500
    [evaluation] = [record.evaluation for record in records if record.HasField("evaluation")]
    assert (evaluation.num_classes, evaluation.metrics[0].value) == (0, 1.0)
    assert "the confusion matrix of 'val' has 40 classes and is not recorded" in capfd.readouterr().err


def test_a_name_or_message_of_the_users_never_breaks_a_record(tmp_path):
    made = telemetry(tmp_path)
    made.take([SampleInfo(0, 2, b"", b"", ["caf\udce9.png", "x" * (1 << 20)])])
    [record] = sent(made)
    assert record.sample_info.ids[0] == "caf?.png"
    assert len(record.sample_info.ids[1]) <= frame_size.MOST_TEXT + 3


def test_what_is_cut_off_a_log_stays_when_it_is_cut_again(tmp_path, capfd):
    path = tmp_path / "steps.log"
    LogFile(path, "steps").close()
    for rest in (b"first", b"second"):
        with path.open("ab") as file:
            file.write(rest)
        LogFile(path, "steps").close()
    size = frames.HEADER_BYTES
    assert (tmp_path / f"steps.log.cut-{size}").read_bytes() == b"first"
    assert (tmp_path / f"steps.log.cut-{size}-2").read_bytes() == b"second"
    assert capfd.readouterr().err.count("ended in half a record") == 2


def test_a_log_that_began_on_a_full_disk_has_its_header_all_the_same(tmp_path, monkeypatch, capfd):
    with monkeypatch.context() as full_disk:
        full_disk.setattr(os, "write", lambda *_: 0)
        log = LogFile(tmp_path / "steps.log", "steps")
    log.append(encode_record(Note("kept", Position(1, 0)), origin="s", incarnation=1, seq=1, time_ms=0))
    log.close()
    [record] = read_segment((tmp_path / "steps.log").rename(tmp_path / "x.steps.log"))
    assert record.note.text == "kept"
    assert "cannot be written" in capfd.readouterr().err
