"""bench/gpu runs: on the CPU where there is no GPU, and its graph with stand-ins for capture and device."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from absgd_worker.device import reports, rows
from absgd_worker.device.reports import DeviceReports
from fake_device import StandInCopier
from project import ROOT, SOURCE

MAIN = ROOT / "bench" / "gpu" / "main.py"


@pytest.fixture
def arms(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(MAIN.parent))
    return importlib.import_module("arms")


def tiny(arms: Any, name: str) -> Any:
    torch.manual_seed(0)
    models, device = importlib.import_module("models"), torch.device("cpu")
    if name == "gpt":
        return models.gpt(device, layers=1, heads=2, width=16, length=8, batch=4)
    if name == "resnet32":
        return models.resnet32(device, blocks=1, width=4, size=8, batch=8)
    return models.cnn(device, width=4, size=8, batch=8)


@pytest.mark.parametrize("name", ["cnn", "resnet32", "gpt"])
def test_both_arms_train_the_model(arms, name):
    for make in (arms.bare_step, lambda *given: arms.our_step(*given)[0]):
        case = tiny(arms, name)
        before = case.losses(case.model, case.inputs, case.labels).mean().item()
        step = make(case, "eager")
        for _ in range(40):
            step()
        assert case.losses(case.model, case.inputs, case.labels).mean().item() < before


def test_the_graph_arm_reports_every_replay_and_trains_as_the_eager_one(arms, monkeypatch):
    """The stand-in for a captured graph runs the step again at each replay, into the same tensors."""
    monkeypatch.setattr(rows, "is_on_device", lambda value: isinstance(value, Tensor))
    monkeypatch.setattr(reports, "is_on_device", lambda value: isinstance(value, Tensor))
    copier, made = StandInCopier(), []

    def make_reports() -> DeviceReports:
        made.append(DeviceReports(lambda _device: copier, slots=8))
        return made[-1]

    def captured(_warm_up: Callable[[], object], part: Callable[[], Any]) -> tuple[Callable[[], None], Any]:
        entry, written = result = part()
        # A capture runs nothing; this one has written a row.
        written.ring._step.sub_(1)

        def replay() -> None:
            again, _ = part()
            for name in ("statistics", "losses_B", "weights_B"):
                getattr(entry, name).copy_(getattr(again, name))

        return replay, result

    monkeypatch.setattr(arms, "DeviceReports", make_reports)
    monkeypatch.setattr(arms, "_captured", captured)
    step, hand_over = arms.our_step(tiny(arms, "cnn"), "graph")
    for _ in range(30):
        step()
    assert made[0].waits > 0
    found = made[0].drain()
    hand_over()
    assert [entry.step for entry in found] == list(range(31 - len(found), 31))
    losses = [entry.statistics.mean_loss for entry in found]
    assert losses == sorted(losses, reverse=True)


def test_without_a_cuda_device_it_says_so_and_measures_nothing():
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    path = f"{SOURCE}:{ROOT / 'bench' / 'python'}"
    ended = subprocess.run(
        [sys.executable, str(MAIN)], env={"PYTHONPATH": path}, capture_output=True, text=True, check=True
    )
    assert ended.stdout == '{"device": null, "measured": []}\n'
    assert "no CUDA device here, nothing is measured" in ended.stderr
