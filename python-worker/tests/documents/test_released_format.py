"""Files that version 0.1.0 wrote, of either language, are still read (test/fixtures/released-0.1.0)."""

from __future__ import annotations

import runpy
import shutil
from pathlib import Path

import pytest
import torch
from torch import nn

from absgd_worker.attach import api
from absgd_worker.gen import record_pb2
from absgd_worker.link.courier.log_file import LogFile
from absgd_worker.task.context import Context
from absgd_worker.training.checkpoint import read_checkpoint
from absgd_worker.training.trainer import Trainer
from project import ROOT

RELEASED = ROOT / "test" / "fixtures" / "released-0.1.0"


@pytest.fixture
def released(tmp_path: Path) -> Path:
    """A copy of the released runs that a test may write to."""
    return Path(shutil.copytree(RELEASED, tmp_path / "runs"))


@pytest.mark.parametrize("run", ["simulated", "served", "script"])
def test_the_log_of_a_run_is_read_to_its_end_whoever_wrote_it(released: Path, run: str) -> None:
    payloads: list[bytes] = []
    path = released / run / "steps.log"
    size = path.stat().st_size
    log = LogFile(path, "steps", payloads.append)
    log.close()
    kinds = [record_pb2.Record.FromString(payload).WhichOneof("body") for payload in payloads]
    assert "step_batch" in kinds
    assert sum(len(payload) + 8 for payload in payloads) + 16 == size


def test_a_checkpoint_of_a_served_task_is_loaded(released: Path) -> None:
    params = {"seed": 0, "size": 60}
    context = Context(
        run="served", run_dir=released / "served", params=params, seed=0, device=torch.device("cpu")
    )
    task = runpy.run_path(str(ROOT / "test" / "integration" / "fixtures" / "tiny.py"))["build"](
        params, context
    )
    trainer = Trainer(task, context)
    state = read_checkpoint(released / "served", "checkpoints/step-000000040.1.pt", "")
    assert trainer.load_state_dict(state) == 40
    assert all(torch.equal(value, state["model"][name]) for name, value in task.model.state_dict().items())


def test_a_script_goes_on_in_its_run_from_the_state_of_its_session(
    released: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ABSGD_RUNS", str(released))
    state = torch.load(RELEASED / "state.pt", weights_only=True)["absgd"]
    state["run"] |= {"name": "script", "directory": str(released / "script")}
    model = nn.Linear(6, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with api.session(run="script", lam=-1.0) as session:
        session.load_state_dict(state)
        assert session.step == 10
        api.wrap(nn.CrossEntropyLoss())(model(torch.randn(8, 6)), torch.arange(8) % 3).backward()
        optimizer.step()
    log = released / "script" / "steps.log"
    assert log.stat().st_size > (RELEASED / "script" / "steps.log").stat().st_size
    assert [path.name for path in released.iterdir() if path.name.startswith("script")] == ["script"]


def test_a_plan_file_sets_the_controls_of_every_step() -> None:
    model = nn.Linear(6, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with api.session(plan=RELEASED / "plan.json") as session:
        criterion = api.wrap(nn.CrossEntropyLoss())
        criterion(model(torch.randn(8, 6)), torch.arange(8) % 3).backward()
        assert session.control("lambda", 0.0) == pytest.approx(-5.0)
        optimizer.step()
