"""Samples that cannot be read: left out or refused by name, and every loss keeps the sample that it is of.

Every sample holds its own index, so that the loss function notes which samples it was really given.
"""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from torch.utils.data import default_collate

from absgd_worker.errors import ControlError, TaskError
from absgd_worker.link.courier.step_columns import runs_of, sample_batches, step_batch
from absgd_worker.link.failure import describe_failure
from absgd_worker.link.wire.messages import Position
from absgd_worker.task.batches import NAMED, Batches, LeftOutNotes
from absgd_worker.task.prediction import predict
from absgd_worker.task.sampler import InOrder, permutation
from in_one_thread import train_rows
from numbered_task import ROW, Numbers, bits, drawn_of, served_of, task_of
from sent_telemetry import rows


def drops_none(samples):
    left = [one for one in samples if one is not None]
    return default_collate(left) if left else None


def drops_none_and_blank(samples):
    left = [one for one in samples if one is not None and one[1] >= 0]
    return default_collate(left) if left else None


def fills_up(samples):
    good = [one for one in samples if one is not None]
    return default_collate([one or good[0] for one in samples]) if good else None


def train(served, steps):
    return train_rows(served, [ROW] * steps)


@pytest.mark.parametrize("seed", range(40))
def test_every_loss_keeps_its_sample_or_has_none_whatever_is_left_out(seed):
    draw = random.Random(seed)
    size, batch_size = draw.randint(5, 30), draw.randint(1, 7)
    steps = 2 * -(-size // batch_size)
    kinds = {kind: draw.sample(range(size), draw.randint(0, size // 3)) for kind in ("raising", "none")}
    own = draw.choice([None, drops_none, drops_none_and_blank])
    if own is drops_none_and_blank:
        kinds["blank"] = draw.sample(range(size), draw.randint(0, size // 3))
    notes: list[list[int]] = []
    options: dict[str, Any] = {"batch_size": batch_size}
    if own is not None:
        options["collate"] = own
    if own is not None and draw.random() < 0.5:
        # Nothing is skipped for the task then: collate is given the samples that are None.
        options["on_bad_sample"] = "raise"
        kinds["raising"] = []
    data = Numbers(size, **kinds)
    served = served_of(task_of(data, notes, **options))
    unreadable = data.raising | data.none
    told = iter(notes)

    for entry in train(served, steps):
        drawn = drawn_of(entry, size, batch_size)
        readable = [index for index in drawn if index not in unreadable]
        kept = [index for index in readable if index not in data.blank]
        skipped = (entry.metrics or {}).get("skipped_samples", 0.0)
        assert skipped == len(drawn) - len(kept)
        if not kept:
            assert (entry.statistics, entry.indices_B, entry.losses_B.numel()) == (None, None, 0)
            continue
        assert next(told) == kept
        assert entry.losses_B.shape == entry.weights_B.shape == (len(kept),)
        # Blank samples are left out by collate alone, which does not say which they are.
        assert (None if entry.indices_B is None else entry.indices_B.tolist()) == (
            kept if kept == readable else None
        )
    assert next(told, None) is None
    # Where collate left out others as well, it is not certain that it left out those that were None.
    certain = options.get("on_bad_sample") != "raise" or not data.blank
    assert set(served.trainer.batches.left_out) == unreadable or not certain
    assert set(served.trainer.batches.left_out) <= unreadable


@pytest.mark.parametrize("seed", range(10))
def test_a_run_that_skips_goes_on_from_its_state_bit_for_bit(seed):
    draw = random.Random(seed)
    bad = draw.sample(range(20), 6)
    data = Numbers(20, raising=bad[:3], none=bad[3:])
    stop = draw.randint(1, 14)
    whole = served_of(task_of(data))
    expected = train(whole, 15)
    first = served_of(task_of(data))
    train(first, stop)
    second = served_of(task_of(data))
    step = second.trainer.load_state_dict(first.trainer.state_dict(first.exchange.status.position))
    second.exchange.status.position = Position(2, step)
    found = train(second, 15 - stop)
    for one, other in zip(expected[stop:], found, strict=True):
        assert one.step == other.step
        assert torch.equal(one.losses_B, other.losses_B)
        assert torch.equal(one.weights_B, other.weights_B)
    assert all(map(torch.equal, bits(whole), bits(second)))
    assert second.trainer.batches.left_out == whole.trainer.batches.left_out


def test_a_batch_without_a_sample_trains_nothing_and_is_reported_as_a_step_without_a_loss():
    served = served_of(task_of(Numbers(8, raising=range(8))))
    before = bits(served)
    entries = train(served, 4)
    assert all(map(torch.equal, before, bits(served)))
    assert served.exchange.status.step == 4
    ((run,),) = [list(runs_of(rows(entries)))]
    report = step_batch(run, labels_N=None, num_classes=0)
    assert (report.count, report.weighings, list(report.metrics)) == (4, [], ["skipped_samples"])
    assert list(sample_batches(run)) == []


def test_steps_without_a_loss_are_not_mixed_with_others_in_a_report():
    served = served_of(task_of(Numbers(24, raising=permutation(24, 3, 0)[4:8].tolist())))
    runs = list(runs_of(rows(train(served, 6))))
    assert [[entry.step for entry in run] for run in runs] == [[0], [1], [2, 3, 4, 5]]
    assert [len(step_batch(run, labels_N=None, num_classes=0).weighings) for run in runs] == [1, 0, 1]


def test_a_collate_that_fills_up_a_batch_leaves_its_losses_without_an_index():
    data = Numbers(8, none=[3])
    served = served_of(task_of(data, collate=fills_up, batch_size=8))
    (entry,) = train(served_of(task_of(data, collate=fills_up, batch_size=8, on_bad_sample="raise")), 1)
    assert (entry.indices_B, entry.losses_B.shape[0]) == (None, 8)
    # Where the task skips, the sample is left out before collate sees it.
    indices_K = train(served, 1)[0].indices_B
    assert indices_K is not None
    assert indices_K.tolist() == [index for index in drawn_of(entry, 8, 8) if index != 3]


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        (
            Numbers(8, raising=[5]),
            {},
            r"sample 5 \(img 5\) cannot be read: OSError: cannot identify image file 5\.png; repair it, or "
            r'leave such samples out with Task\(on_bad_sample="skip"\)',
        ),
        (Numbers(8, none=[5]), {}, r"sample 5 \(img 5\) is None; repair it, or leave such samples out"),
        (Numbers(8, none=[5]), {"collate": default_collate}, r"sample 5 \(img 5\) is None"),
        (
            Numbers(8),
            {"collate": lambda samples: samples[0].missing},
            r"collate failed on the samples (\d, ){7}\d: AttributeError",
        ),
        (
            Numbers(8),
            {"loss": lambda model, batch: model(batch[0])[:5, 0]},
            r"one loss per sample, shape \[8\], not \[5\]",
        ),
        (
            # Of its own, but the batch has all samples: half of the losses are a mistake of the task.
            Numbers(8),
            {"collate": drops_none, "loss": lambda model, batch: model(batch[0])[:4, 0]},
            r"one loss per sample, shape \[8\], not \[4\]",
        ),
    ],
)
def test_what_cannot_be_trained_on_is_refused_and_named(data, options, message):
    ids = [f"img {index}" for index in range(8)]
    served = served_of(task_of(data, ids=ids, batch_size=8, on_bad_sample="raise", **options))
    with pytest.raises(TaskError, match=message):
        train(served, 1)


def test_the_traceback_of_a_sample_that_raises_is_that_of_the_data_set():
    served = served_of(task_of(Numbers(8, raising=[5]), batch_size=8, on_bad_sample="raise"))
    with pytest.raises(TaskError) as raised:
        train(served, 1)
    failure = describe_failure(raised.value)
    assert "in __getitem__" in failure.traceback
    assert "sample 5 cannot be read" in failure.message


def test_a_class_factor_is_refused_where_nobody_knows_which_samples_are_left():
    row = {**ROW, "class_balance": 0.9}
    labels = torch.arange(8) % 3
    known = served_of(task_of(Numbers(8, none=[3]), labels=labels, batch_size=8, collate=drops_none))
    assert train_rows(known, [row])[0].bare is not None
    blank = Numbers(8, blank=[3])
    unknown = served_of(task_of(blank, labels=labels, batch_size=8, collate=drops_none_and_blank))
    with pytest.raises(ControlError, match="class_balance, but collate returned fewer samples"):
        train_rows(unknown, [row])


@pytest.mark.parametrize("seed", range(10))
def test_predictions_are_made_of_the_samples_that_are_left_and_of_no_other(seed):
    draw = random.Random(seed)
    bad = set(draw.sample(range(30), draw.randint(0, 12)))
    task = task_of(
        Numbers(30, raising=bad),
        batch_size=draw.randint(1, 7),
        predict=lambda model, batch: batch[0][:, 0].long(),
    )
    pieces = []
    assert predict(task, pieces.append, attempt=1, step=9, seed=3)
    found = {}
    for piece in pieces:
        classes = torch.frombuffer(bytearray(piece.labels), dtype=torch.int32).tolist()
        assert len(classes) == piece.count
        found |= dict(zip(range(piece.first_index, piece.first_index + piece.count), classes, strict=True))
    assert found == {index: index for index in range(30) if index not in bad}


def test_each_of_the_first_samples_left_out_is_noted_once():
    task = task_of(Numbers(40, raising=range(0, 40, 2)), ids=[f"{index}.png" for index in range(40)])
    batches = Batches(task, InOrder(40, 5, seed=0, piece=40))
    left_out = LeftOutNotes(batches)
    notes = []
    for _ in range(8):
        batches.take()
        notes += left_out.take()
    assert len(notes) == NAMED
    assert notes[0] == "sample 0 (0.png) is left out: OSError: cannot identify image file 0.png"
    assert notes[-1].endswith("from the 11th on they are counted, and named in worker.log")
    assert batches.summary().startswith("20 of 40 samples left out: 0 (0.png), 2 (2.png), ")
    assert left_out.take() == []


def test_another_choice_than_raise_or_skip_is_refused():
    with pytest.raises(TaskError, match='on_bad_sample must be "raise" or "skip", not \'ignore\''):
        task_of(Numbers(8), on_bad_sample="ignore")
