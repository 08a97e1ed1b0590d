"""A session with a saved state resumes its run."""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from absgd_worker.attach import api
from absgd_worker.attach.errors import SessionError
from absgd_worker.link.run_lock import RunLock
from project import SOURCE
from recorder import a_model, batches, labels, points
from run_records import bodies, records
from warm_interpreter import run_python

pytestmark = pytest.mark.usefixtures("runs")


def train(steps: int, run: str | None = "mine", state: dict[str, Any] | None = None) -> dict[str, Any]:
    model, optimizer = a_model()
    criterion = api.wrap(nn.CrossEntropyLoss())
    with api.session(run=run, lam=-1.0) as session:
        if state is not None:
            session.load_state_dict(state)
        for batch in list(batches(16))[:steps]:
            criterion(model(points[batch]), labels[batch]).backward()
            optimizer.step()
        return session.state_dict()


def attempts(directory: Path) -> list[tuple[str, int, int]]:
    """The records of attempts and steps: kind, attempt, first step."""
    found = []
    for record in records(directory / "steps.log"):
        kind = record.WhichOneof("body")
        if kind == "rewind":
            found.append((record.rewind.cause, record.rewind.attempt, record.rewind.to_step))
        # The steps of an attempt may come in several reports.
        if kind == "step_batch" and (not found or found[-1][0] != "steps"):
            found.append(("steps", record.step_batch.attempt, record.step_batch.first_step))
    return found


def test_the_state_names_the_run_and_the_log_has_all_reports_before_it(runs: Path) -> None:
    model, optimizer = a_model()
    with api.session(run="mine", lam=-1.0) as session:
        assert session.state_dict()["run"] is None
        for batch in list(batches(16))[:2]:
            api.wrap(nn.CrossEntropyLoss())(model(points[batch]), labels[batch]).backward()
            optimizer.step()
        state = session.state_dict()
        assert sum(record.step_batch.count for record in records(runs / "mine" / "steps.log")) == 2
    assert state["run"] == {"name": "mine", "directory": str((runs / "mine").absolute()), "attempt": 1}
    assert json.loads(json.dumps(state)) == state
    assert train(1, run=None)["run"] is None


def test_a_restart_is_a_new_attempt_of_the_same_run_even_if_the_last_one_saved_nothing(runs: Path) -> None:
    state = train(2)
    for attempt in (2, 3):
        # The second attempt saved nothing.
        assert train(1, state=state)["run"]["attempt"] == attempt
    assert [path.name for path in runs.iterdir()] == ["mine"]
    assert attempts(runs / "mine") == [
        ("steps", 1, 0),
        ("resume", 2, 2),
        ("steps", 2, 2),
        ("resume", 3, 2),
        ("steps", 3, 2),
    ]


def test_a_run_with_a_numbered_name_is_found_again(runs: Path) -> None:
    train(1)
    state = train(1)
    assert train(1, state=state)["run"] == {**state["run"], "attempt": 2}
    assert sorted(path.name for path in runs.iterdir()) == ["mine", "mine.2"]


def test_a_state_loaded_during_training_takes_the_run_back(runs: Path) -> None:
    model, optimizer = a_model()
    with api.session(run="mine", lam=-1.0) as session:
        best = session.state_dict()
        for number, batch in enumerate(batches(16)):
            if number == 2:
                best = session.state_dict()
            if number == 3:
                session.load_state_dict(best)
                assert session.step == 2
            api.wrap(nn.CrossEntropyLoss())(model(points[batch]), labels[batch]).backward()
            optimizer.step()
    assert ("restore", 2, 2) in attempts(runs / "mine")
    assert attempts(runs / "mine")[-1] == ("steps", 2, 2)


def test_under_another_name_it_is_another_run_that_names_its_parent(runs: Path) -> None:
    state = train(2)
    train(1, run="other", state=state)
    assert attempts(runs / "other") == [("fork", 1, 2), ("steps", 1, 2)]
    parent = json.loads((runs / "other" / "manifest.json").read_text())["parent"]
    assert parent == {"run": "mine", "dir": state["run"]["directory"], "step": 2}
    # Without a name the session is not recorded.
    train(1, run=None, state=state)
    assert len(list(runs.iterdir())) == 2


def test_a_missing_run_is_reported_and_continues_as_a_new_one(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = train(2)
    (runs / "mine").rename(runs / "away")
    train(1, state=state)
    assert f"{state['run']['directory']} is gone" in capsys.readouterr().err
    assert attempts(runs / "mine") == [("fork", 1, 2), ("steps", 1, 2)]


def test_a_run_written_by_a_living_process_is_refused_before_training(runs: Path) -> None:
    state = train(2)
    before = (runs / "mine" / "steps.log").read_bytes()
    lock = RunLock(runs / "mine")
    with pytest.raises(SessionError, match=f"written by the living process {os.getpid()}: end that one"):
        train(1, state=state)
    lock.release()
    assert (runs / "mine" / "steps.log").read_bytes() == before
    train(1, state=state)
    assert not (runs / "mine" / "lock").exists()


def test_the_lock_of_a_dead_process_and_its_leftover_files_are_taken_over(tmp_path: Path) -> None:
    code = "import pathlib; from absgd_worker.link.run_lock import RunLock; RunLock(pathlib.Path('.'))"
    run_python("-c", code, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(SOURCE)}, check=True)
    dead = json.loads((tmp_path / "lock").read_text())
    (tmp_path / f"lock.{dead['id']}").write_text("no lock at all")
    lock = RunLock(tmp_path)
    with pytest.raises(SessionError, match="living process"):
        RunLock(tmp_path)
    lock.release()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", [b"ABSGDLOG\x09\0\x01\0\0\0\0\0", b"some other file, much longer"])
def test_a_log_of_another_format_is_refused_and_not_changed(runs: Path, damage: bytes) -> None:
    state = train(1)
    log = runs / "mine" / "steps.log"
    log.write_bytes(damage)
    with pytest.raises(SessionError, match="it is no log of this kind"):
        train(1, state=state)
    assert log.read_bytes() == damage
    assert not (runs / "mine" / "lock").exists()


def test_an_invalid_state_does_not_change_the_session(runs: Path) -> None:
    state = train(1)
    for broken in (
        {**state, "run": {"name": 1}},
        {**state, "format": 2},
        {**state, "weighings": {"loss": {}}},
    ):
        with api.session(run="mine") as session:
            with pytest.raises((ValueError, KeyError)):
                session.load_state_dict(broken)
            assert session.step == 0


def test_an_interrupted_training_gives_the_same_model_as_an_unbroken_one(runs: Path) -> None:
    def trained(cut: int) -> torch.Tensor:
        model, optimizer = a_model()
        criterion = api.wrap(nn.CrossEntropyLoss())
        state = None
        parts = list(batches(16))
        for part in (parts[:cut], parts[cut:]):
            with api.session(lam=lambda step: -1.0 / (1 + step), gamma=0.5) as session:
                if state is not None:
                    session.load_state_dict(state)
                for batch in part:
                    criterion(model(points[batch]), labels[batch]).backward()
                    optimizer.step()
                state = session.state_dict()
        return model.weight.detach()

    assert torch.equal(trained(4), trained(2))
    assert not runs.exists()


def test_bodies_of_a_resumed_run_end_with_its_last_word(runs: Path) -> None:
    train(1, state=train(1))
    kinds = [kind for kind, _ in itertools.groupby(bodies(runs / "mine"))]
    assert kinds == [
        *("worker_joined", "step_batch", "bye"),
        *("rewind", "worker_joined", "step_batch", "bye"),
    ]


def test_each_place_of_a_script_resumes_its_own_estimate_in_any_order() -> None:
    def trained(steps: range, state: dict[str, Any] | None, weights: Any) -> Any:
        model, optimizer = a_model()
        if weights is not None:
            model.load_state_dict(weights)
        with api.session(lam=-1.0, gamma=0.3) as session:
            if state is not None:
                session.load_state_dict(state)
            for step in steps:
                optimizer.zero_grad()
                scores = model(points)
                with api.capture():
                    # Every second step has its own branch.
                    if step % 2 == 0:
                        loss = torch.nn.functional.cross_entropy(scores, labels)
                    else:
                        loss = torch.nn.functional.mse_loss(scores, points)
                loss.backward()
                optimizer.step()
            return json.loads(json.dumps(session.state_dict())), model.state_dict()

    state, weights = trained(range(3), None, None)
    assert len(state["weighings"]) == 2
    resumed = trained(range(3, 6), state, weights)
    unbroken = trained(range(6), None, None)
    assert resumed[0] == unbroken[0]
    assert torch.equal(resumed[1]["weight"], unbroken[1]["weight"])
