"""In which order a checkpoint comes about: killed at any moment, a run has one that it can go on from."""

from __future__ import annotations

import os
from collections import deque
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from torch import nn

from absgd_worker import Task
from absgd_worker.link.exchange import Exchange
from absgd_worker.link.wire.messages import Acked, Welcome
from absgd_worker.training.checkpoint import read_checkpoint
from in_one_thread import served_task, train_rows
from sent_telemetry import NumberingTelemetry, telemetry
from worker_process import read_segment

STEPS, EVERY = 9, 3


class Killed(BaseException):
    """Stands for a SIGKILL: nothing of the process runs after it."""


class InOneThread(Exchange):
    """Spools what is in `outgoing` when it is asked to, without a thread of its own."""

    telemetry: NumberingTelemetry

    def __init__(self) -> None:
        super().__init__()
        self.outgoing = self.made = deque()

    def wait_until_spooled(self) -> bool:
        items = list(self.made)
        self.made.clear()
        self.telemetry.take(items)
        return True

    @property
    def is_checkpoint_recorded(self) -> bool:
        return self.telemetry.checkpoint == self.telemetry.taken


class Disk:
    """Counts what is done to files, and kills before the operation `last`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, last: int) -> None:
        self.count = 0
        for name in ("replace", "unlink", "fsync", "write"):
            monkeypatch.setattr(os, name, self._counted(getattr(os, name), last))

    def _counted(self, operation, last):
        def counted(*arguments, **options):
            if self.count == last:
                raise Killed
            self.count += 1
            return operation(*arguments, **options)

        return counted


def train(run_dir: Path, keep: int) -> None:
    torch.manual_seed(0)
    model = nn.Linear(2, 1)
    task = Task(
        model=model,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
        data=torch.randn(8, 2),
        batch_size=4,
        loss=lambda model, batch: model(batch)[:, 0].square(),
    )
    exchange = InOneThread()
    exchange.telemetry = telemetry(run_dir / "spool")
    exchange.welcome = Welcome("run", 1, 1, "{}", Acked(), 1, 1 << 30, 600.0, keep)
    served = served_task(task, run_dir=run_dir, exchange=exchange)
    exchange.sample_every = 0
    for step in range(1, STEPS + 1):
        train_rows(served, [{"lr": 0.1}])
        if step % EVERY == 0:
            served.actions.checkpoint()
        elif step % EVERY == 1:
            exchange.wait_until_spooled()


def test_killed_at_any_moment_it_has_a_checkpoint_that_is_known_and_whole(tmp_path, monkeypatch):
    keep, last = 1, 0
    while True:
        run_dir = tmp_path / str(last)
        with monkeypatch.context() as patched:
            disk = Disk(patched, last)
            with suppress(Killed):
                train(run_dir, keep)
            is_over = disk.count < last
        check(run_dir, keep)
        if is_over:
            break
        last += 1
    # It was killed between any two operations on files.
    assert last > 20
    assert files_of(run_dir) == {STEPS}


def check(run_dir: Path, keep: int) -> None:
    # A segment may have been killed before its header.
    segments = [file for file in (run_dir / "spool").glob("*.steps.*") if file.stat().st_size]
    records = [record for file in sorted(segments) for record in read_segment(file)]
    written = [
        record.checkpoint_written for record in records if record.WhichOneof("body") == "checkpoint_written"
    ]
    on_disk = files_of(run_dir)
    known = {body.position.step for body in written} & on_disk
    # Whatever was recorded first, there is always one that is recorded and there.
    assert known or not written
    assert len(on_disk) <= keep + 1
    for body in written:
        if body.position.step in on_disk:
            read_checkpoint(run_dir, body.path, body.sha256)
    # One that has its name, recorded or not, is whole, and the reports of all steps before it are on disk.
    reported = {
        record.step_batch.first_step + index
        for record in records
        if record.WhichOneof("body") == "step_batch"
        for index in range(record.step_batch.count)
    }
    for step in on_disk:
        assert read_checkpoint(run_dir, f"checkpoints/step-{step:09d}.1.pt", "")["step"] == step
        assert set(range(step)) <= reported


def files_of(run_dir: Path) -> set[int]:
    """The steps of the files that have a checkpoint's name."""
    return {int(file.name[5:14]) for file in (run_dir / "checkpoints").glob("step-*.pt")}


def test_older_ones_stay_while_the_record_of_the_new_one_cannot_be_put_on_disk(tmp_path, monkeypatch):
    run_dir = tmp_path / "run"
    monkeypatch.setattr(InOneThread, "is_checkpoint_recorded", False)
    train(run_dir, 1)
    assert files_of(run_dir) == {3, 6, 9}
