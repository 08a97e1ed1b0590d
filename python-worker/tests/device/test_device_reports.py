"""The reports of steps on a device: in order, complete, and without waiting."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx

import fake_device
from absgd_worker.device import reports, rows
from absgd_worker.device.ordered import OrderedReports
from absgd_worker.device.reports import INTERVAL, DeviceReports
from absgd_worker.link.step_entry import StepEntry
from absgd_worker.link.wire.messages import Position
from absgd_worker.link.wire.records import Note
from absgd_worker.weights import statistics_of_row
from fake_device import OnDevice, StandInCopier, Waited, on_device


class Lab:
    """Reports whose copies complete when the test says so, and whose clock stands still."""

    def __init__(self, slots: int = 8) -> None:
        self.now = 0.0
        self.copier = StandInCopier()
        self.reports = DeviceReports(lambda _device: self.copier, slots=slots, clock=lambda: self.now)

    def submit(self, entry: StepEntry, *, copies: bool = True) -> None:
        """`copies`: whether enough time has passed since the last copy to begin another one."""
        self.now += 1 if copies else INTERVAL / 100
        self.reports.submit(entry)


def row_of(step: int) -> list[float]:
    return [4, *(step + field / 10 for field in range(1, 8)), -1, 0]


def entry_of(step: int, size: int = 4, *, device: bool = True, **changes: Any) -> StepEntry:
    """The report of a step whose numbers all tell its number."""
    losses = torch.arange(size) + 10.0 * step
    entry = StepEntry(
        attempt=1,
        step=step,
        seconds=0.1,
        waits=0,
        controls={"lambda": 1.0},
        statistics=statistics_of_row(row_of(step)) if size else None,
        losses_B=losses,
        weights_B=losses / 3,
        indices_B=None,
        keep_samples=True,
        metrics={"own": step + 0.5},
    )._replace(**changes)
    return moved(entry) if device else entry


def moved(entry: StepEntry) -> StepEntry:
    """The entry with its tensors on a device."""
    statistics = entry.statistics
    return entry._replace(
        statistics=None if statistics is None else on_device(torch.tensor(statistics, dtype=torch.float64)),
        losses_B=on_device(entry.losses_B.clone()),
        weights_B=on_device(entry.weights_B.clone()),
        metrics={"own": on_device(torch.tensor((entry.metrics or {})["own"]))},
    )


def assert_same(found: list[StepEntry], expected: list[StepEntry]) -> None:
    assert [entry.step for entry in found] == [entry.step for entry in expected]
    for one, other in zip(found, expected, strict=True):
        assert not any(isinstance(value, OnDevice) for value in one)
        for name in ("losses_B", "weights_B"):
            assert getattr(one, name).dtype == getattr(other, name).dtype
            assert torch.equal(getattr(one, name), getattr(other, name)), name
        blank = {"losses_B": torch.empty(0), "weights_B": torch.empty(0)}
        assert str(one._replace(**blank)) == str(other._replace(**blank))
        assert type(one.statistics) is type(other.statistics)


def test_an_entry_of_the_host_passes_straight_through():
    reports = DeviceReports()
    entry = entry_of(0, device=False)
    reports.submit(entry)
    [found] = reports.collect()
    assert found is entry
    assert reports.collect() == reports.drain() == []


def test_entries_come_once_their_event_is_complete_and_nothing_waits_before():
    lab = Lab()
    for step in range(3):
        lab.submit(entry_of(step))
        assert lab.reports.collect() == []
    lab.copier.events[0].fire()
    assert_same(lab.reports.collect(), [entry_of(0, device=False)])
    lab.copier.events[2].fire()
    assert lab.reports.collect() == []
    lab.copier.events[1].fire()
    assert_same(lab.reports.collect(), [entry_of(1, device=False), entry_of(2, device=False)])
    assert lab.copier.waits == 0


def test_steps_that_follow_at_once_share_a_copy():
    lab = Lab()
    for step in range(5):
        lab.submit(entry_of(step), copies=step in (0, 4))
    assert len(lab.copier.events) == 2
    assert_same(lab.reports.drain(), [entry_of(step, device=False) for step in range(5)])


def test_a_full_ring_waits_for_the_oldest_copy_alone_and_counts_it():
    lab = Lab(slots=8)
    for step in range(8):
        lab.submit(entry_of(step))
    assert (lab.reports.waits, lab.copier.waits) == (0, 0)
    lab.submit(entry_of(8))
    assert (lab.reports.waits, lab.copier.waits) == (1, 1)
    assert [event.is_fired for event in lab.copier.events] == [True, *[False] * 8]
    assert_same(lab.reports.drain(), [entry_of(step, device=False) for step in range(9)])


def test_the_tensors_of_a_step_may_change_and_be_freed_after_submit():
    lab = Lab()
    entry = entry_of(0)
    lab.submit(entry)
    entry.losses_B.fill_(-1)
    assert isinstance(entry.statistics, Tensor)
    entry.statistics.fill_(-1)
    assert not any(isinstance(value, OnDevice) for kept, _ in lab.reports._queue for value in kept)
    assert_same(lab.reports.drain(), [entry_of(0, device=False)])


@pytest.mark.parametrize("seed", range(20))
def test_any_course_of_sizes_copies_and_completions_keeps_order_and_numbers(seed):
    """Batches of any size, also none, of a host and a device; copies that complete in any order."""
    draw = random.Random(seed)
    lab, found, expected = Lab(slots=draw.choice([1, 3, 8])), [], []
    for step in range(60):
        size, device = draw.choice([0, 1, 4, 4, 4, 7, 40]), draw.random() < 0.8
        lab.submit(entry_of(step, size, device=device), copies=draw.random() < 0.5)
        expected.append(entry_of(step, size, device=False))
        for event in lab.copier.events:
            if draw.random() < 0.2:
                event.fire()
        found += lab.reports.collect()
        assert [entry.step for entry in found] == list(range(len(found)))
        if draw.random() < 0.1:
            found += lab.reports.drain()
            assert len(found) == step + 1
    assert_same(found + lab.reports.drain(), expected)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_losses_and_weights_keep_their_bits_and_their_type(dtype):
    lab = Lab()
    losses = torch.rand(4, dtype=torch.float64).to(dtype)
    weights = torch.rand(4, dtype=torch.float32)
    lab.submit(entry_of(0)._replace(losses_B=on_device(losses), weights_B=on_device(weights)))
    assert_same(lab.reports.drain(), [entry_of(0, device=False, losses_B=losses, weights_B=weights)])


def test_further_losses_bare_figures_and_labels_come_along():
    lab = Lab()
    row = torch.tensor(row_of(3), dtype=torch.float64)
    statistics = statistics_of_row(row_of(3))
    lab.submit(
        entry_of(0)._replace(
            bare=on_device(torch.tensor([0.5, 3.0], dtype=torch.float64)),
            others=(("host", statistics), ("device", on_device(row))),
            labels_B=on_device(torch.tensor([3, -1, 0, 2])),
        )
    )
    [found] = lab.reports.drain()
    assert found.bare == (0.5, 3.0)
    assert found.others == (("host", statistics), ("device", statistics))
    assert found.labels_B is not None
    assert (found.labels_B.tolist(), found.labels_B.dtype) == ([3, -1, 0, 2], torch.int64)


def test_a_graph_that_writes_a_slot_writes_the_next_one_at_each_replay(monkeypatch):
    monkeypatch.setattr(rows, "is_on_device", lambda value: isinstance(value, Tensor))
    monkeypatch.setattr(reports, "is_on_device", lambda value: isinstance(value, Tensor))
    lab = Lab(slots=4)
    lab.submit(plain_entry(0))
    written: list[Any] = []

    def write(*tensors: Tensor) -> None:
        statistics, losses_B, weights_B, own = tensors
        entry = plain_entry(0)._replace(
            statistics=statistics, losses_B=losses_B, weights_B=weights_B, metrics={"own": own}
        )
        written.append(lab.reports.write(entry))

    graph = make_fx(write)(*tensors_of(plain_entry(0)))
    # To record the graph has also run it, which a capture does not.
    written[0].ring._step.sub_(1)
    for step in range(1, 11):
        lab.now += 1
        lab.reports.submit_written(
            plain_entry(step), written[0], lambda step=step: graph(*tensors_of(plain_entry(step)))
        )
    assert_same(lab.reports.drain(), [entry_of(step, device=False) for step in range(11)])
    assert lab.reports.waits == 7


def plain_entry(step: int) -> StepEntry:
    """An entry whose tensors are on the CPU."""
    entry = entry_of(step, device=False)
    assert entry.statistics is not None
    return entry._replace(
        statistics=torch.tensor(entry.statistics, dtype=torch.float64),
        metrics={"own": torch.tensor((entry.metrics or {})["own"])},
    )


def tensors_of(entry: StepEntry) -> list[Any]:
    return [entry.statistics, entry.losses_B, entry.weights_B, (entry.metrics or {})["own"]]


def test_a_graph_is_refused_where_there_is_no_ring_for_its_step():
    with pytest.raises(ValueError, match="submit one like it before the graph is captured"):
        Lab().reports.write(entry_of(0))


def test_records_follow_the_entries_of_the_steps_before_them():
    lab, outgoing = Lab(), []
    ordered = OrderedReports(outgoing, lab.reports)
    for step in range(3):
        ordered.append(entry_of(step))
    assert outgoing == []
    ordered.append(Note("a note", Position(1, 3)))
    assert [getattr(item, "step", None) for item in outgoing] == [0, 1, 2, None]


def test_a_device_that_fails_loses_the_last_reports_and_says_so(capsys):
    lab, outgoing = Lab(), []
    ordered = OrderedReports(outgoing, lab.reports)
    ordered.append(entry_of(0))

    def fail() -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    lab.copier.events[0].synchronize = fail
    ordered.append(Note("the end", Position(1, 1)))
    assert [type(item) for item in outgoing] == [Note]
    assert "reports of the last steps are lost" in capsys.readouterr().err


def test_a_device_without_such_streams_is_waited_for(monkeypatch):
    reports = DeviceReports(lambda _device: None)
    with pytest.raises(Waited):
        reports.submit(entry_of(0))
    monkeypatch.setattr(fake_device, "WAITING", set())
    reports.submit(entry_of(0))
    [found] = reports.collect()
    assert found.losses_B.tolist() == entry_of(0, device=False).losses_B.tolist()
    assert found.statistics == entry_of(0, device=False).statistics
    assert found.metrics == {"own": 0.5}


def test_an_entry_of_the_host_waits_for_those_of_the_device_before_it():
    lab, outgoing = Lab(), []
    ordered = OrderedReports(outgoing, lab.reports)
    for step, device in enumerate([False, True, False, True]):
        ordered.append(entry_of(step, device=device))
    assert [entry.step for entry in outgoing] == [0]
    lab.now += 1
    ordered.hand_over()
    assert_same(outgoing, [entry_of(step, device=False) for step in range(4)])
