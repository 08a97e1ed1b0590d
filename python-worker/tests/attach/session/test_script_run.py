"""Under absgd-run, a session of the script takes the place of the session of the command line."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import pytest

from absgd_worker import run
from absgd_worker.attach.session.current import leave_implicit

SCRIPT = """
import sys
import torch
from torch import nn
import absgd_worker as absgd

torch.manual_seed(0)
points = torch.randn(64, 4)
labels = points.argmax(1)
model = nn.Linear(4, 4)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
how = sys.argv[1]

def train(criterion, steps=5):
    for _ in range(steps):
        optimizer.zero_grad()
        criterion(model(points), labels).backward()
        optimizer.step()

if how == "wrap":
    train(absgd.wrap(nn.CrossEntropyLoss(), lam=-1.0, gamma=0.5))
elif how == "plain":
    train(nn.CrossEntropyLoss())
else:
    seen = []
    def lam(step):
        seen.append(step)
        return -1.0
    options = {"lam": lam if how == "twice" else -1.0, "gamma": 0.5}
    if how == "plan":
        options = {"plan": sys.argv[2]}
    if how == "run":
        options |= {"run": "by-the-script"}
    for _ in range(2 if how == "twice" else 1):
        with absgd.session(on_checkpoint=print, accumulate=1, **options) as session:
            train(absgd.wrap(nn.CrossEntropyLoss()))
            assert session.on_checkpoint is print
            assert absgd.current() is session
    if seen:
        print("steps", seen, session.step)
print("weights", model.weight.tolist())
"""


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(sys, "argv", [])
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("ABSGD_RUNS", str(tmp_path / "runs"))
    file = tmp_path / "train.py"
    file.write_text(SCRIPT)
    return str(file)


def trained(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[str, str]:
    assert run.main(list(arguments)) == 0
    out, err = capsys.readouterr()
    return out, err


@pytest.mark.parametrize("how", ["session", "wrap", "plan"])
def test_the_scripts_lambda_is_used_unless_the_command_line_sets_one(
    script: str, how: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text(
        json.dumps({"format": 1, "runSteps": 5, "controls": {"lambda": [[0, -1]], "gamma": [[0, 0.5]]}})
    )
    off, said = trained(capsys, script, "plain")
    assert "absgd: lambda is off" in said
    assert (
        trained(capsys, "--gamma", "1", script, how, str(plan))[0]
        != trained(capsys, script, how, str(plan))[0]
    ) is (how != "plan")
    own, said = trained(capsys, script, how, str(plan))
    assert "lambda is off" not in said
    assert "absgd: 5 losses captured in 5 steps" in said
    assert own == trained(capsys, "--lam", "-1", "--gamma", "0.5", script, "plain")[0]
    decided, said = trained(capsys, "--lam", "off", script, how, str(plan))
    assert decided == off
    assert ("own session(lam=…) is ignored" in said) is (how != "wrap")
    assert own != off


def test_the_scripts_session_is_recorded_under_the_name_of_the_command_line(
    script: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own, _ = trained(capsys, script, "session")
    assert trained(capsys, "--name", "named", script, "run")[0] == own
    assert [folder.name for folder in (tmp_path / "runs").iterdir()] == ["named"]
    assert trained(capsys, script, "run")[0] == own
    assert sorted(folder.name for folder in (tmp_path / "runs").iterdir()) == ["by-the-script", "named"]


def test_the_steps_of_each_session_of_a_script_begin_at_0(
    script: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out, said = trained(capsys, script, "twice")
    assert "steps [0, 1, 2, 3, 4, 0, 1, 2, 3, 4] 5" in out
    assert "absgd: 10 losses captured in 10 steps" in said


@pytest.mark.parametrize("how", ["session", "wrap", "twice"])
def test_a_script_with_its_own_sessions_trains_the_same_under_absgd_run(
    script: str, how: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [script, how])
    runpy.run_path(script, run_name="__main__")
    leave_implicit()
    alone = capsys.readouterr().out
    assert trained(capsys, script, how)[0] == alone


def test_a_loss_before_the_scripts_session_does_not_belong_to_it(
    tmp_path: Path, script: str, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "before.py"
    head, train = SCRIPT.split("how = sys.argv[1]")
    other.write_text(
        f"{head}nn.functional.cross_entropy(model(points), labels).item()\nhow = sys.argv[1]{train}"
    )
    assert trained(capsys, str(other), "session")[0] == trained(capsys, script, "session")[0]
