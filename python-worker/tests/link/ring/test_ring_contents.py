"""What is written into shared memory is what is read there."""

from __future__ import annotations

import math
from array import array

import pytest
import torch

from absgd_worker.link.ring.names import INLINE
from absgd_worker.link.ring.orders import ServeController, WriteLog
from absgd_worker.link.ring.plain import decode, encode
from absgd_worker.link.wire import messages as m
from absgd_worker.link.wire import records as r
from absgd_worker.weights import Rule
from sent_telemetry import entry, row, rows

AT = m.Position(2, 1 << 40)
HELLO = m.Hello("run", "w", 2**64 - 1, 7, 0, 0, 3, AT, 9, {"torch": "2"}, "cpu", {"lr": 0.1}, 8)
MESSAGES = [
    m.Welcome(
        "run",
        1,
        2,
        '{"a": 1}',
        m.Acked(3, 4),
        1,
        1 << 40,
        600.0,
        3,
        "p",
        "s",
        10,
        Rule("reference", 0.5, True),
    ),
    m.Plan(
        1,
        2,
        3,
        4,
        2,
        {"lambda": array("d", [1.0, -math.inf]), "lr": array("d", [0.1])},
        [(5, m.EventKind.EVALUATE)],
        9,
    ),
    *(
        m.Command(1, "id", action)
        for action in (m.Pause(), m.Resume(), m.StepOn(3), m.Checkpoint(True), m.Evaluate())
    ),
    m.Command(1, "id", m.Restore("path", "sha", 2)),
    m.Command(1, "id", m.Stop(False)),
    m.Released(),
    m.Abort("why", is_internal=True),
    m.CommandResult("id", True, 4, "λ ≠ 0 \udce9", 7),
    m.PlanAck(1, 2, 3),
    m.Bye(m.Reason.FAILED, AT, "message", "trace", m.Acked(1, 2)),
    r.Evaluation(1, 2, "val", {"accuracy": math.inf}, 2, bytes(16), 0.5),
    r.CheckpointWritten(AT, "path", "sha", 5, 0.1, ["old"]),
    r.Gap(1, 2, r.GapReason.SPOOL),
    r.Note("text", AT),
    r.Joined(HELLO, 3),
    r.Rewind(2, 5, "restore"),
    r.SampleInfo(0, 2, bytes(8), b"", ["a", "b"]),
    r.SamplePredictions(1, 2, 3, 1, bytes(4), bytes(4)),
    ServeController(
        ("c", "t"), "spool", "0f", "w", HELLO, {"path": "p", "size": 3, "num_classes": 0, "parts": ["ids"]}
    ),
    WriteLog("d", "s", "0f", "script", 2**63, {"pid": 4, "id": "x"}, 1 << 34),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda one: type(one).__name__)
def test_a_message_is_restored_as_it_was(message):
    restored = decode(memoryview(b"".join(encode(message))))
    assert restored == message
    assert type(restored) is type(message)


def test_not_a_number_survives_as_one():
    restored = decode(b"".join(encode(r.Evaluation(1, 2, "val", {"a": math.nan}, 0, b"", 0.0))))
    assert math.isnan(restored.metrics["a"])


def test_what_is_no_part_of_a_message_is_refused():
    with pytest.raises(TypeError, match="a object is no part of a message"):
        encode(r.Note(object(), AT))  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
def test_a_step_is_read_as_it_was_written_in_every_precision(dtype):
    made = entry(3, metrics={"a": torch.tensor(1.5), "b": 2})
    assert made.statistics is not None
    made = made._replace(
        losses_B=made.losses_B.to(dtype),
        labels_B=torch.arange(6),
        ids=tuple("abcdef"),
        bare=(0.25, 4.0),
        others=(("second", made.statistics),),
        has_main=False,
        name="first",
    )
    read = row(made)
    assert (read.attempt, read.step, read.seconds, read.waits, read.size) == (1, 3, 0.25, 3, 6)
    assert (read.schema.name, read.schema.others, read.has_main, read.keep_samples) == (
        "first",
        ("second",),
        False,
        True,
    )
    assert dict(zip(read.schema.controls, read.controls, strict=True)) == {"lambda": 1.0}
    assert dict(zip(read.schema.metrics, read.metrics, strict=True)) == {"a": 1.5, "b": 2.0}
    assert read.statistics == made.statistics == read.others[0]
    assert read.bare == (0.25, 4.0)
    assert list(read.losses) == made.losses_B.tolist()
    assert list(read.weights) == made.weights_B.tolist()
    assert read.indices is not None
    assert list(read.indices) == [3, 4, 5, 6, 7, 8]
    assert read.labels is not None
    assert list(read.labels) == [0, 1, 2, 3, 4, 5]
    assert read.ids == ["a", "b", "c", "d", "e", "f"]


def test_each_step_has_the_numbers_and_names_of_its_own_whatever_came_before():
    one, other = {"lambda": 1.0, "lr": 0.5}, {"lambda": 2.0, "lr": 0.25}
    renamed = {"gamma": 3.0}
    plain = entry(0)
    assert plain.statistics is not None
    second = (("second", plain.statistics),)
    made = [
        plain._replace(controls=one),
        plain._replace(controls=one),
        plain._replace(controls=one, metrics={"a": 1.0}),
        plain._replace(controls=one),
        plain._replace(controls=other),
        plain._replace(controls=one, name="first"),
        plain._replace(controls=one),
        plain._replace(controls=one, others=second),
        plain._replace(controls=one),
        plain._replace(controls=renamed),
        plain._replace(controls=renamed, statistics=None),
        plain._replace(controls=dict(one)),
    ]
    read = rows(made)
    assert [dict(zip(each.schema.controls, each.controls, strict=True)) for each in read] == [
        each.controls for each in made
    ]
    assert [dict(zip(each.schema.metrics, each.metrics, strict=True)) for each in read] == [
        each.metrics or {} for each in made
    ]
    assert [each.schema.name for each in read] == [each.name for each in made]
    assert [each.schema.others for each in read] == [tuple(name for name, _ in each.others) for each in made]
    assert [each.statistics for each in read] == [each.statistics for each in made]


def test_tensors_that_do_not_lie_in_one_piece_are_read_in_order():
    made = entry(0)
    spread = torch.stack((made.losses_B, -made.losses_B), 1)[:, 0]
    assert list(row(made._replace(losses_B=spread)).losses) == made.losses_B.tolist()


def test_a_batch_without_samples_has_numbers_alone():
    read = row(
        entry(0)._replace(statistics=None, losses_B=torch.empty(0), weights_B=torch.empty(0), indices_B=None)
    )
    assert (read.size, read.statistics, read.indices) == (0, None, None)
    assert dict(zip(read.schema.controls, read.controls, strict=True)) == {"lambda": 1.0}


def test_when_the_table_of_names_is_full_a_step_has_its_names_in_itself(monkeypatch):
    made = entry(0, metrics={"a": 1.0})
    usual = row(made)
    monkeypatch.setattr("sent_telemetry.room_for_name", lambda _names: False)
    inline = row(made)
    assert inline.schema == usual.schema
    assert inline.metrics == usual.metrics
    assert INLINE == 0xFFFF
