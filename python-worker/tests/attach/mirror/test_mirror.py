"""Lambda's figures beside a script's own, in wandb and TensorBoard."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn

from absgd_worker.attach import api
from absgd_worker.attach.mirror.mirror import Mirror, scalars_of
from absgd_worker.attach.mirror.summary_writers import SummaryWriters
from absgd_worker.link.step_entry import StepEntry
from absgd_worker.weights import Statistics
from recorder import Recorder, a_model, batches, labels, points

HOUR = 3600.0


def entry(step: int, **change: Any) -> StepEntry:
    statistics = Statistics(
        n=4,
        m=0,
        sum_w=0.5,
        sum_w2=0.125,
        sum_wl=0.75,
        max_w=0.3,
        mean_loss=2,
        free_energy=0,
        capped=0,
        non_finite=0,
    )
    losses = torch.ones(4)
    controls = {"lambda": -2.0, "gamma": 0.9}
    whole = StepEntry(1, step, 0.01, 0, controls, statistics, losses, losses, None, True, None)
    return whole._replace(**change)


class Run:
    """Of wandb: keeps what is logged, and moves its own step as wandb does."""

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []
        self.axes: dict[str, str | None] = {}
        self.step = 0

    def define_metric(self, name: str, step_metric: str | None = None, hidden: bool | None = None) -> None:
        self.axes[name] = step_metric

    def log(self, data: dict[str, float], step: int | None = None, commit: bool | None = None) -> None:
        self.rows.append(data)
        self.step += (step is None and commit is None) or bool(commit)


@pytest.fixture
def wandb(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    module: Any = ModuleType("wandb")
    module.run = Run()
    monkeypatch.setitem(sys.modules, "wandb", module)
    return module


def scalars(directory: Path) -> dict[str, list[tuple[int, float]]]:
    from tensorboard.backend.event_processing.event_accumulator import (  # noqa: PLC0415
        EventAccumulator,
    )

    found = EventAccumulator(str(directory))
    found.Reload()
    return {
        tag: [(one.step, round(one.value, 6)) for one in found.Scalars(tag)]
        for tag in found.Tags()["scalars"]  # type: ignore[not-iterable]
    }


needs_tensorboard = pytest.mark.skipif(find_spec("tensorboard") is None, reason="tensorboard is not here")


def test_the_figures_of_a_step_are_its_statistics_and_those_of_further_losses_have_its_name() -> None:
    other = torch.tensor([2, 0, 1, 0.5, 3, 0.5, 3, 0, 0, 0], dtype=torch.float64)
    assert scalars_of(entry(3, others=(("aux", other),)), 0.1) == {
        "absgd/lambda": -2,
        "absgd/ess_ratio": 0.5,
        "absgd/mean_loss": 2,
        "absgd/weighted_loss": 0.75,
        "absgd/effective_lr": 0.05,
        "absgd/aux/ess_ratio": 1,
        "absgd/aux/mean_loss": 3,
        "absgd/aux/weighted_loss": 3,
        "absgd/aux/effective_lr": 0.1,
    }
    off = scalars_of(entry(3, controls={"lambda": math.inf, "lr": 0.2}), 0.1)
    assert "absgd/lambda" not in off
    assert off["absgd/effective_lr"] == 0.1


def test_wandb_gets_them_on_an_axis_of_their_own_and_its_step_stays_the_scripts(wandb: Any) -> None:
    mirror = Mirror(interval=HOUR)
    for step in range(5):
        mirror.report(entry(step), 0.1)
    mirror.close()
    mirror.close()
    # The first that the thread saw, and the last: at most one in an hour.
    assert wandb.run.rows[-1]["absgd/step"] == 4
    assert len(wandb.run.rows) <= 2
    assert wandb.run.axes == {"absgd/step": None, "absgd/*": "absgd/step"}
    assert wandb.run.step == 0


def test_a_step_is_written_once(wandb: Any) -> None:
    mirror = Mirror(interval=0.001)
    mirror.report(entry(7), None)
    for _ in range(20):
        mirror._closing.wait(0.001)
    mirror.close()
    assert [row["absgd/step"] for row in wandb.run.rows] == [7]


def test_nothing_begins_where_nobody_is_and_what_fails_is_said_once(
    wandb: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "wandb")
    monkeypatch.delitem(sys.modules, "torch.utils.tensorboard.writer", raising=False)
    mirror = Mirror(interval=HOUR)
    mirror.report(entry(0), None)
    assert mirror._thread is None
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    wandb.run.log = None
    for step in (1, 2):
        mirror.report(entry(step), None)
    mirror.close()
    err = capsys.readouterr().err
    assert err.count("wandb does not take lambda's figures") == 1
    wandb.run = None
    again = Mirror(interval=HOUR)
    again.report(entry(0), None)
    again.close()
    assert capsys.readouterr().err == ""


@needs_tensorboard
@pytest.mark.parametrize("is_made", ["before", "after", "of a class below it"])
def test_a_summary_writer_gets_them_whenever_it_was_made(tmp_path: Path, is_made: str) -> None:
    from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415

    class Own(SummaryWriter):
        pass

    begin = SummaryWriter.__init__
    writers = SummaryWriters()
    if is_made == "after":
        writers.write(0, {"absgd/lambda": 0})
    writer = (Own if is_made == "of a class below it" else SummaryWriter)(str(tmp_path))
    writers.write(5, {"absgd/lambda": -2.0, "absgd/ess_ratio": 0.5})
    writer.add_scalar("loss", 1.0, 5)
    writer.close()
    # One that is closed is not opened again.
    writers.write(6, {"absgd/lambda": -2.0})
    writers.close()
    assert SummaryWriter.__init__ is begin
    assert len(list(tmp_path.iterdir())) == 1
    assert scalars(tmp_path) == {"absgd/lambda": [(5, -2)], "absgd/ess_ratio": [(5, 0.5)], "loss": [(5, 1)]}


@pytest.mark.parametrize("mirror", ["auto", "off"])
def test_a_session_writes_its_last_step_wherever_its_controls_come_from(wandb: Any, mirror: Any) -> None:
    model, optimizer = a_model()
    source = Recorder()
    with api.session(source=source, mirror=mirror):
        criterion = api.wrap(nn.CrossEntropyLoss())
        for batch in batches(16):
            criterion(model(points[batch]), labels[batch]).backward()
            optimizer.step()
    if mirror == "off":
        assert wandb.run.rows == []
        return
    last = wandb.run.rows[-1]
    assert last["absgd/step"] == 3
    assert last["absgd/lambda"] == -1
    assert last == {**scalars_of(source.entries[-1], 0.1), "absgd/step": 3}
