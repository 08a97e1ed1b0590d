"""From steps to numbered records: what is dropped when there is no room, and how steps become columns."""

from __future__ import annotations

import math
import struct
from array import array
from random import Random

import pytest
import torch

from absgd_worker.link.courier.step_columns import MAX_STEPS, runs_of, sample_batches, step_batch
from absgd_worker.link.step_entry import StepEntry
from absgd_worker.link.wire.messages import Acked, Bye, CommandResult, Position, Reason
from absgd_worker.link.wire.records import Gap, GapReason, Note
from sent_telemetry import SIZE, bodies, entry, rows, sent, telemetry

LABELS = memoryview(array("i", [index % 4 for index in range(100)]))


def test_a_run_of_steps_becomes_columns():
    batch = step_batch(rows([entry(4), entry(5)]), labels_N=LABELS, num_classes=4)
    assert (batch.attempt, batch.first_step, batch.count, batch.waits) == (1, 4, 2, 3)
    assert struct.unpack("<2d", batch.controls["lambda"]) == (1.0, 1.0)
    assert struct.unpack("<2f", batch.step_seconds) == (0.25, 0.25)
    columns = batch.weighings[0].columns
    assert struct.unpack("<2I", columns["n"]) == (SIZE, SIZE)
    assert struct.unpack("<2b", columns["capped"]) == (0, 0)
    assert struct.unpack("<2d", columns["mean_loss"]) == pytest.approx((2.5, 3.0))
    mass = struct.unpack("<8f", columns["class_mass"])
    weights = entry(4).weights_B.tolist()
    # Indices 4 to 9: classes 0 1 2 3 0 1.
    assert max(abs(mass[c] - sum(weights[c::4])) for c in range(4)) < 1e-6


def test_statistics_in_tensors_become_the_same_columns_as_those_in_numbers():
    on_host = step_batch(rows([entry(4), entry(5)]), labels_N=None, num_classes=0)
    in_tensors = step_batch(
        rows([entry(4, on_device=True), entry(5, on_device=True)]), labels_N=None, num_classes=0
    )
    for name, values in on_host.weighings[0].columns.items():
        kind = {8: "2d", 16: "2d", 2: "2b"}[len(values)] if name not in ("n", "non_finite") else "2I"
        pairs = zip(
            struct.unpack("<" + kind, values),
            struct.unpack("<" + kind, in_tensors.weighings[0].columns[name]),
            strict=True,
        )
        assert all(abs(one - other) < 1e-9 for one, other in pairs), name


def test_a_number_that_a_step_does_not_have_is_not_a_number():
    run = [entry(0, metrics={"a": 1.0}), entry(1), entry(2, metrics={"a": torch.tensor(3.0), "b": 4.0})]
    metrics = step_batch(rows(run), labels_N=None, num_classes=0).metrics
    a, b = struct.unpack("<3d", metrics["a"]), struct.unpack("<3d", metrics["b"])
    assert (a[0], a[2], b[2]) == (1.0, 3.0, 4.0)
    assert all(math.isnan(number) for number in (a[1], b[0], b[1]))


def test_runs_end_where_steps_attempts_or_controls_change():
    entries = [entry(0), entry(1), entry(3), entry(4, attempt=2), entry(5, attempt=2, controls={"lr": 1.0})]
    assert [[item.step for item in run] for run in runs_of(rows(entries))] == [[0, 1], [3], [4], [5]]
    assert [len(run) for run in runs_of(rows(entry(step) for step in range(MAX_STEPS + 5)))] == [MAX_STEPS, 5]


def test_samples_of_large_steps_are_cut_into_several_messages(monkeypatch):
    monkeypatch.setattr("absgd_worker.link.courier.step_columns.SAMPLE_BYTES", 12 * SIZE * 2)
    run = [entry(step, keep=step != 2) for step in range(6)]
    batches = [batch for _, batch in sample_batches(rows(run))]
    assert [[step.step for step in batch.steps] for batch in batches] == [[0, 1], [3, 4], [5]]
    step = batches[1].steps[0]
    assert struct.unpack(f"<{SIZE}I", step.indices) == tuple(range(3, 3 + SIZE))
    assert torch.tensor(struct.unpack(f"<{SIZE}f", step.losses)).equal(entry(3).losses_B)


def test_records_keep_the_order_in_which_training_made_them(tmp_path):
    made = telemetry(tmp_path)
    told = made.take(
        [
            entry(0),
            Gap(1, 0, GapReason.SPOOL),
            entry(1),
            CommandResult("a", True, 2, ""),
            Bye(Reason.STOPPED, Position(1, 2)),
        ]
    )
    records = sent(made)
    steps = [record for record in records if record.WhichOneof("body") != "sample_batch"]
    assert bodies(steps) == ["step_batch", "gap", "step_batch", "bye"]
    assert [record.seq for record in steps] == [1, 2, 3, 4]
    assert {(record.origin, record.incarnation) for record in records} == {("worker-0", 5)}
    assert [type(message).__name__ for message in told] == ["CommandResult", "Bye"]
    assert [message.follows for message in told if isinstance(message, CommandResult)] == [3]
    assert [message.sent for message in told if isinstance(message, Bye)] == [Acked(4, 2)] == [made.sent]


@pytest.mark.parametrize("seed", range(5))
def test_a_command_result_names_the_last_record_before_it(tmp_path, seed):
    made = telemetry(tmp_path)
    random = Random(seed)
    expected = {}
    for step in range(30):
        items: list[StepEntry | Note | CommandResult] = [entry(step)]
        if random.random() < 0.5:
            items.append(Note("between two steps", Position(1, step + 1)))
        if random.random() < 0.5:
            items.insert(random.randrange(len(items) + 1), CommandResult(str(step), True, step, ""))
        for result in made.take(items):
            assert isinstance(result, CommandResult)
            expected[result.id] = result.follows
        records = [record for record in sent(made) if record.WhichOneof("body") != "sample_batch"]
        position = next((i for i, item in enumerate(items) if isinstance(item, CommandResult)), None)
        if position is not None:
            after = len(items) - 1 - position
            assert expected[str(step)] == records[-1].seq - after
    assert expected


def test_a_full_spool_drops_samples_with_one_gap_and_takes_them_again_when_there_is_room(tmp_path):
    made = telemetry(tmp_path, limit=3000)
    for step in range(40):
        made.take([entry(step)])
    records = sent(made)
    (gap,) = [record.gap for record in records if record.WhichOneof("body") == "gap"]
    recorded = [step.step for record in records for step in record.sample_batch.steps]
    assert gap.reason == gap.REASON_SPOOL
    assert recorded == list(range(gap.first_step))
    assert sum(bodies(records).count(kind) for kind in ("step_batch",)) == 40
    made.acknowledge(made.sent)
    made.take([entry(40)])
    assert [step.step for record in sent(made) for step in record.sample_batch.steps] == [40]


def test_a_frame_that_was_not_taken_is_offered_again(tmp_path):
    made = telemetry(tmp_path)
    made.take([entry(0), entry(1)])
    first = made.next_frame()
    assert made.next_frame() == first
    assert made.has_unsent
    assert len(sent(made)) == 2
    assert not made.has_unsent


def test_a_welcome_sends_again_what_the_controller_does_not_have(tmp_path):
    made = telemetry(tmp_path)
    for step in range(5):
        made.take([entry(step)])
    assert len(sent(made)) == 10
    made.welcome(Acked(3, 1), 2, 1 << 30)
    assert [(bodies([record])[0], record.seq) for record in sent(made)] == [
        ("step_batch", 4),
        ("step_batch", 5),
        ("sample_batch", 2),
        ("sample_batch", 3),
        ("sample_batch", 4),
        ("sample_batch", 5),
    ]


def test_samples_that_nobody_knows_go_without_indices_and_classes():
    unknown = rows(entry(step)._replace(indices_B=None) for step in range(2))
    batch = step_batch(unknown, labels_N=LABELS, num_classes=4)
    assert "class_mass" not in batch.weighings[0].columns
    ((_, samples),) = sample_batches(unknown)
    assert [(step.n, step.indices) for step in samples.steps] == [(SIZE, b"")] * 2


def test_several_weighings_of_a_step_are_reported_by_name_and_cut_where_they_change():
    def of(step, name, *others):
        made = entry(step)
        assert made.statistics is not None
        statistics = made.statistics
        return made._replace(name=name, others=tuple((other, statistics) for other in others))

    steps = [of(0, "a", "b"), of(1, "a", "b"), of(2, "a"), of(3, "c"), entry(4)._replace(indices_B=None)]
    runs = list(runs_of(rows(steps)))
    assert [len(run) for run in runs] == [2, 1, 1, 1]
    batch = step_batch(runs[0], labels_N=None, num_classes=0)
    assert [weighing.name for weighing in batch.weighings] == ["a", "b"]
    assert batch.weighings[0].columns == batch.weighings[1].columns
