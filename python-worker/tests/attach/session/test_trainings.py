"""Models that are trained one after another in one process are separate trainings, or one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from absgd_worker import run
from absgd_worker.attach import api
from absgd_worker.attach.session.current import leave_implicit
from run_records import records
from training_arrangements import (
    ARRANGEMENTS,
    Laboratory,
    folds_in_functions,
    folds_that_leave_a_micro_batch_without_a_step,
    tensors_without_a_module,
)


@pytest.fixture(autouse=True)
def outside_of_any_session() -> Iterator[None]:
    leave_implicit()
    yield
    leave_implicit()


@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
@pytest.mark.parametrize("seed", range(2))
def test_every_training_begins_its_lambda_at_step_0(arrangement: Any, seed: int) -> None:
    lab = Laboratory(seed)
    trainings = arrangement(lab)
    assert lab.asked == [step for steps in trainings for step in range(steps)]
    assert api.current().trainings.count == len(trainings)


def test_a_training_after_another_is_the_same_as_alone() -> None:
    def fold(seed: int, lab: Laboratory) -> Tensor:
        torch.manual_seed(seed)
        model = lab.net()
        lab.train(model, torch.optim.SGD(model.parameters(), lr=0.5), 5)
        return torch.cat([one.detach().flatten() for one in model.parameters()])

    lab = Laboratory(0)
    fold(1, lab)
    second = fold(2, lab)
    leave_implicit()
    assert torch.equal(second, fold(2, Laboratory(0)))


def test_models_that_turn_out_to_take_turns_are_reported_as_counted_separately(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lab = Laboratory(0)
    old, new = lab.net(), lab.net()
    optimizer = torch.optim.SGD(old.parameters(), lr=0.1)
    lab.train(old, optimizer, 2)
    lab.train(new, torch.optim.SGD(new.parameters(), lr=0.1), 2)
    assert "turns" not in capsys.readouterr().err
    lab.train(old, optimizer, 1)
    assert "models that take turns were counted as trainings of their own" in capsys.readouterr().err


def test_models_whose_optimizers_were_created_first_are_reported_as_one_training(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lab = Laboratory(0)
    models = [lab.net() for _ in range(2)]
    optimizers = [torch.optim.SGD(model.parameters(), lr=0.1) for model in models]
    lab.train(models[0], optimizers[0], 3)
    lab.train(models[1], optimizers[1], 25)
    assert lab.asked == list(range(28))
    said = capsys.readouterr().err
    assert said.count("both are counted as one training") == 1
    assert "enter a session for each" in said


@pytest.mark.parametrize(
    ("arrangement", "left"),
    [
        (folds_in_functions, 0),
        (folds_that_leave_a_micro_batch_without_a_step, 1),
        (tensors_without_a_module, 0),
    ],
)
def test_a_session_of_the_script_is_one_training_and_that_is_printed_once(
    arrangement: Any, left: int, capsys: pytest.CaptureFixture[str]
) -> None:
    lab = Laboratory(0)
    with api.session(lam=lab.lam) as session:
        trained = arrangement(lab)
    assert session.step == sum(trained) - left * len(trained)
    assert lab.asked == list(range(session.step + left))
    said = capsys.readouterr().err
    assert said.count("another model is trained in this session") == 1


SCRIPT = """
import sys
import torch
import torch.nn.functional as F
from torch import nn

for fold in sys.argv[1]:
    torch.manual_seed(int(fold))
    x, y = torch.randn(32, 4), torch.arange(32) % 3
    model = nn.Linear(4, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    for _ in range(6):
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print("fold", fold, model.weight.tolist())
"""


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr("sys.argv", [])
    monkeypatch.syspath_prepend("")
    monkeypatch.setenv("ABSGD_RUNS", str(tmp_path / "runs"))
    (tmp_path / "folds").mkdir()
    file = tmp_path / "folds" / "main.py"
    file.write_text(SCRIPT)
    return str(file)


def plan_of(steps: int, folder: Path) -> str:
    file = folder / "plan.json"
    file.write_text(
        f'{{"format": 1, "runSteps": {steps}, "controls": {{"lambda": [[0, "Infinity"], [3, -1]]}}}}'
    )
    return str(file)


def test_every_fold_of_a_script_has_its_own_plan_and_run(
    script: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = plan_of(6, tmp_path)
    assert run.main(["--plan", plan, script, "2"]) == 0
    alone = capsys.readouterr().out
    assert run.main(["--plan", plan, "--name", "First", script, "123"]) == 0
    out, said = capsys.readouterr()
    assert alone.strip() in out
    assert "absgd: 18 losses captured in 18 steps" in said
    assert "training 2 of this script begins" in said
    runs = tmp_path / "runs"
    assert sorted(one.name for one in runs.iterdir()) == ["First", "First.2", "First.3"]
    for one in runs.iterdir():
        found = records(one / "steps.log")
        assert sum(record.step_batch.count for record in found) == 6
        assert (found[-1].bye.reason, found[-1].bye.position.step) == (1, 6)
        assert json.loads((one / "manifest.json").read_text())["experiment"] == "folds-main"
    assert "recorded as First.2" in said
    assert run.main(["--name", "First", "--exact-name", script, "1"]) == 2
    assert "a run named First exists" in capsys.readouterr().err
    assert run.main(["--name", "other", "--exact-name", script, "12"]) == 0
    assert {"other", "other.2"} < {one.name for one in runs.iterdir()}


def test_a_plan_that_ends_in_a_later_training_exits_with_1(
    script: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:

    other = Path(script).with_name("longer.py")
    other.write_text(SCRIPT.replace("range(6)", "range(4 + int(fold))"))
    assert run.main(["--plan", plan_of(6, tmp_path), str(other), "1234"]) == 1
    said = capsys.readouterr().err
    assert "all 6 steps of the plan are trained" in said
    assert "stopped in training 3 of this script" in said


def test_a_plan_that_ends_before_another_model_exits_with_1(
    script: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All models are created first: they count as one training."""
    head, loop = SCRIPT.split("for fold in sys.argv[1]:")
    made = "models = [nn.Linear(4, 3) for _ in range(3)]\noptimizers = "
    made += "[torch.optim.SGD(model.parameters(), lr=0.5) for model in models]\n"
    loop = loop.replace("nn.Linear(4, 3)", "models[int(fold)]").replace(
        "torch.optim.SGD(model.parameters(), lr=0.5)", "optimizers[int(fold)]"
    )
    other = Path(script).with_name("made_first.py")
    other.write_text(f"{head}{made}for fold in sys.argv[1]:{loop}")
    assert run.main(["--plan", plan_of(6, tmp_path), str(other), "012"]) == 1
    assert "another model of this script is not trained" in capsys.readouterr().err
