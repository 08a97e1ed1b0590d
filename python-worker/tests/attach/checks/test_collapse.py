"""A collapse under lambda is reported if no controller has a guard."""

from __future__ import annotations

import json
import math
import random
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from absgd_worker.attach import api
from absgd_worker.attach.checks.collapse import CollapseState, StepFigures, check_step
from absgd_worker.attach.checks.collapse_check import CollapseCheck
from absgd_worker.attach.source.source import LocalSource
from absgd_worker.link.step_entry import StepEntry
from absgd_worker.weights import Statistics
from project import GOLDEN
from run_records import records

VECTORS = GOLDEN / "guard.json"
SERIES: list[dict[str, Any]] = json.loads(VECTORS.read_text(encoding="utf-8"))


def steps_of(series: dict[str, Any]) -> list[StepFigures]:
    found: list[StepFigures] = []
    for piece in series["pieces"]:
        for i in range(piece["steps"]):

            def at(line: list[Any], i: int = i, steps: int = piece["steps"]) -> float:
                a, b = float(line[0]), float(line[1])
                return a if line[0] == line[1] else a + (b - a) * i / steps

            loss = at(piece["loss"])
            figures = (loss, at(piece["ess"]), at(piece["weighted"]) * loss)
            found.append(StepFigures(len(found), at(piece["lam"]), series["n"], *figures))
    return found


@pytest.mark.parametrize("series", SERIES, ids=lambda series: series["name"])
def test_the_worker_and_the_guard_agree(series: dict[str, Any]) -> None:
    state, found = CollapseState(), []
    for seen in steps_of(series):
        state, back_off = check_step(state, seen)
        if back_off is not None:
            found.append([back_off.step, back_off.begin, back_off.factor])
    assert found == series["back_offs"]


def train(
    *,
    classes: int,
    batch: int,
    lam: Any,
    scale: float = 1.0,
    seed: int = 0,
    steps: int = 60,
    run: str | None = None,
) -> list[float]:
    """A linear classifier on data of at most ten classes, easy to learn; returns the unweighted losses."""
    torch.manual_seed(seed)
    used = min(10, classes)
    centres = 3 * F.normalize(torch.randn(used, 24), dim=1)
    model = nn.Linear(24, classes)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05 / scale, momentum=0.9)
    means: list[float] = []
    with api.session(lam=lam, run=run):
        for _ in range(steps):
            labels = torch.randint(used, (batch,))
            inputs = 1.5 + centres[labels] + torch.randn(batch, 24)
            losses = scale * F.cross_entropy(model(inputs), labels, reduction="none")
            means.append(losses.mean().item())
            optimizer.zero_grad()
            api.weigh(losses).backward()
            optimizer.step()
    return means


def test_the_collapse_of_a_classifier_of_1000_classes_is_reported(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ABSGD_RUNS", str(tmp_path))
    losses = train(classes=1000, batch=8, lam=-2.0, run="cold")
    said = [line for line in capsys.readouterr().err.splitlines() if "collapses" in line]
    assert sum(losses[-10:]) / 10 > 1.5 * losses[0]
    assert len({line.split("(")[0] for line in said}) == 1
    assert "training collapses under lambda -2 (after " in said[0]
    assert "unweighted mean loss" in said[0]
    notes = [record.note for record in records(tmp_path / "cold" / "steps.log") if record.HasField("note")]
    assert [f"absgd: {note.text}" for note in notes] == said
    assert 0 < notes[0].position.step < 40
    assert notes[0].level == notes[0].LEVEL_WARNING


def train_deep(lam: float, steps: int) -> list[float]:
    """A deep network without normalisation on 80 random images of ten of 1,000 classes, in batches of 8."""
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for i in range(8):
        linear = nn.Linear(128 if i else 768, 128)
        nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
        nn.init.zeros_(linear.bias)
        layers += [linear, nn.ReLU()]
    model = nn.Sequential(*layers, nn.Linear(128, 1000))
    images, labels = 2 * torch.rand(80, 768), torch.randint(10, (80,))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    means: list[float] = []
    with api.session(lam=lam):
        for _ in range(steps):
            i = torch.randint(80, (8,))
            losses = F.cross_entropy(model(images[i]), labels[i], reduction="none")
            means.append(losses.mean().item())
            optimizer.zero_grad()
            api.weigh(losses).backward()
            optimizer.step()
    return means


def test_a_loss_that_rises_from_7_to_infinity_is_reported_early(
    capsys: pytest.CaptureFixture[str],
) -> None:
    off = train_deep(math.inf, 60)
    assert 6 < off[0] < 8
    assert sum(off[-10:]) / 10 < 0.5 * off[0]
    assert capsys.readouterr().err == ""
    losses = train_deep(-2.0, 45)
    # 2e12 after 36 steps and NaN from step 39 on, on the machine where this test was written.
    assert not max(losses) < 20 * losses[0] or not math.isfinite(losses[-1])
    first = capsys.readouterr().err.splitlines()[0]
    said = re.search(r"training collapses under lambda -2 \(after (\d+) steps\)", first)
    assert said is not None
    assert int(said[1]) <= 20


@pytest.mark.parametrize(
    "lam", [math.inf, lambda step: math.inf, lambda step: math.inf if step < 30 else -20.0]
)
def test_a_run_that_learns_is_not_reported(lam: Any, capsys: pytest.CaptureFixture[str]) -> None:
    losses = train(classes=1000, batch=8, lam=lam)
    assert sum(losses[-10:]) / 10 < 0.5 * losses[0]
    assert capsys.readouterr().err == ""


def test_a_run_that_learns_at_lambda_off_learns_or_is_reported_as_a_collapse(
    capsys: pytest.CaptureFixture[str],
) -> None:
    draw = random.Random(0)
    collapsed = healthy = 0
    for seed in range(12):
        classes, batch = draw.choice((2, 10, 100, 1000)), draw.choice((4, 8, 32, 64))
        scale = draw.choice((0.01, 1.0, 100.0))
        lam = draw.choice((-0.1, -0.5, -2.0, -5.0, -20.0, 0.5))
        off = train(classes=classes, batch=batch, lam=math.inf, scale=scale, seed=seed)
        first, end = off[0], sum(off[-10:]) / 10
        if end > 0.6 * first:
            continue
        capsys.readouterr()
        losses = train(classes=classes, batch=batch, lam=lam, scale=scale, seed=seed)
        is_said = "collapses" in capsys.readouterr().err
        is_healthy = sum(losses[-10:]) / 10 <= (first + end) / 2
        assert is_said or is_healthy, (classes, batch, scale, lam, losses[::10])
        collapsed += not is_healthy
        healthy += is_healthy and not is_said
    assert collapsed > 4
    assert healthy > 4


class Guarded(LocalSource):
    has_guard = True

    def next(self, step: int) -> dict[str, float]:
        return {"lambda": -2.0, "gamma": 0.9}


def test_nothing_is_printed_if_a_controller_has_a_guard(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("absgd_worker.attach.session.current.source_of", lambda *_: Guarded())
    losses = train(classes=1000, batch=8, lam=-2.0)
    assert losses[-1] > losses[0]
    assert capsys.readouterr().err == ""


def entry(step: int, statistics: Statistics | Tensor, *others: tuple[str, Statistics]) -> StepEntry:
    nothing = torch.empty(0)
    controls = {"lambda": -0.5}
    return StepEntry(
        1, step, 0.0, 0, controls, statistics, nothing, nothing, None, False, None, others=others
    )


def figures(loss: float, ess_ratio: float) -> Statistics:
    return Statistics(32, 0.0, 1.0, 1 / (32 * ess_ratio), loss, 1 / 32, loss, 0.0, 0, 0)


@pytest.mark.parametrize("read", [lambda row: row, lambda row: torch.tensor(row, dtype=torch.float64)])
def test_each_kind_is_reported_once_and_figures_on_a_device_at_the_end_at_the_latest(
    read: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    notes: list[str] = []
    watched = CollapseCheck(notes.append)
    for step in range(10):
        watched.step(entry(step, read(figures(2.3, 0.95))))
    for step in range(10, 300):
        watched.step(entry(step, read(figures(2.4, 0.3))))
    for step in range(300, 305):
        watched.step(entry(step, read(figures(math.nan, 1.0))))
    watched.close()
    assert len(notes) == 2
    assert "before anything is learnt" in notes[0]
    assert "has not been finite" in notes[1]
    assert capsys.readouterr().err.count("absgd: training collapses under lambda -0.5") == 2


def test_a_small_lambda_above_0_that_learns_little_may_be_a_collapse(
    capsys: pytest.CaptureFixture[str],
) -> None:
    notes: list[str] = []
    watched = CollapseCheck(notes.append)
    for step in range(200):
        watched.step(entry(step, figures(2.3, 0.11))._replace(controls={"lambda": 0.5}))
    assert len(notes) == 1
    assert (
        "training may collapse under lambda 0.5 (after 64 steps): a few samples hold the weight" in notes[0]
    )
    assert capsys.readouterr().err.count("may collapse") == 1


def test_each_weighing_is_checked_separately() -> None:
    notes: list[str] = []
    watched = CollapseCheck(notes.append)
    for step in range(60):
        # One loss is a thousand times the other one, and neither changes.
        watched.step(entry(step, figures(1000.0, 0.99), ("head", figures(1.0, 0.99))))
    assert notes == []
    for step in range(60, 100):
        watched.step(entry(step, figures(1000.0, 0.99), ("head", figures(30.0, 0.99))))
    assert len(notes) == 1
    assert "at head): the unweighted mean loss" in notes[0]
