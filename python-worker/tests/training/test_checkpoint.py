"""Checkpoints on disk, and what they hold."""

from __future__ import annotations

import hashlib
import os
import random

import numpy
import pytest
import torch

from absgd_worker.errors import CheckpointError
from absgd_worker.link.wire.messages import Position
from absgd_worker.task.random_state import random_state, seed_all, set_random_state
from absgd_worker.training.checkpoint import delete_checkpoints, read_checkpoint, write_checkpoint

STATE = {"step": 7, "numbers": [1, 2.5, None], "weights": torch.arange(6.0)}


def write(run_dir, step, attempt=1, keep=0, state=STATE):
    return write_checkpoint(run_dir, Position(attempt, step), state, keep=keep)


def names(run_dir):
    return sorted(file.name for file in (run_dir / "checkpoints").iterdir())


def test_what_was_written_is_read_back_and_is_what_the_record_says(tmp_path):
    written = write(tmp_path, 7)
    data = (tmp_path / written.path).read_bytes()
    assert written.path == "checkpoints/step-000000007.1.pt"
    assert written.sha256 == hashlib.sha256(data).hexdigest()
    assert written.bytes == len(data)
    state = read_checkpoint(tmp_path, written.path, written.sha256)
    assert torch.equal(state["weights"], STATE["weights"])
    assert (state["step"], state["numbers"]) == (7, [1, 2.5, None])


def test_the_newest_are_kept_by_attempt_and_then_by_step(tmp_path):
    for step, attempt in [(10, 1), (90, 1), (20, 2)]:
        write(tmp_path, step, attempt)
    deleted = write(tmp_path, 30, 2, keep=3).deleted
    assert deleted == ("checkpoints/step-000000010.1.pt",)
    # Until the record of the new one is on disk it stays.
    assert "step-000000010.1.pt" in names(tmp_path)
    delete_checkpoints(tmp_path, deleted)
    assert names(tmp_path) == ["step-000000020.2.pt", "step-000000030.2.pt", "step-000000090.1.pt"]


def test_the_one_just_written_is_kept_whatever_others_are_there(tmp_path):
    write(tmp_path, 90)
    delete_checkpoints(tmp_path, write(tmp_path, 10, keep=1).deleted)
    assert names(tmp_path) == ["step-000000010.1.pt"]


def test_unfinished_files_of_a_killed_worker_are_cleared_away(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "step-000000003.unfinished").touch()
    delete_checkpoints(tmp_path, write(tmp_path, 7).deleted)
    assert names(tmp_path) == ["step-000000007.1.pt"]


def test_a_file_gets_its_name_only_once_it_is_synced_to_disk(tmp_path, monkeypatch):
    synced = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: (synced.append(os.fstat(file)), fsync(file)))
    path = tmp_path / write(tmp_path, 7).path
    assert [entry.st_ino for entry in synced] == [path.stat().st_ino, path.parent.stat().st_ino]
    assert synced[0].st_size == path.stat().st_size


def test_a_failure_to_write_is_named_and_leaves_nothing_behind(tmp_path):
    (tmp_path / "checkpoints").touch()
    with pytest.raises(CheckpointError, match=r"no checkpoint could be written to .*/checkpoints: "):
        write(tmp_path, 7)


def test_a_missing_changed_or_foreign_file_is_refused_by_name(tmp_path):
    written = write(tmp_path, 7)
    file = tmp_path / written.path
    with pytest.raises(CheckpointError, match=r"nowhere\.pt cannot be read: No such file"):
        read_checkpoint(tmp_path, "nowhere.pt", "")
    with pytest.raises(CheckpointError, match=f"its SHA-256 is {written.sha256}, not {'0' * 64}"):
        read_checkpoint(tmp_path, written.path, "0" * 64)
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(CheckpointError, match="is no checkpoint that can be loaded safely"):
        read_checkpoint(tmp_path, written.path, "")
    torch.save({"format": 99}, file)
    with pytest.raises(CheckpointError, match="has format 99, this version reads format 1"):
        read_checkpoint(tmp_path, written.path, "")


def test_no_code_is_run_by_loading(tmp_path):
    file = tmp_path / "evil.pt"
    torch.save({"format": 1, "step": Exploit(tmp_path / "touched")}, file)
    with pytest.raises(CheckpointError, match="safely"):
        read_checkpoint(tmp_path, "evil.pt", "")
    assert not (tmp_path / "touched").exists()


class Exploit:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_random_states_survive_a_file(tmp_path):
    seed_all(3)
    random.gauss(0, 1)
    written = write(tmp_path, 7, state={"random": random_state()})
    expected = [random.gauss(0, 1), random.random(), torch.rand(3).tolist(), numpy.random.rand(3).tolist()]
    seed_all(4)
    set_random_state(read_checkpoint(tmp_path, written.path, "")["random"])
    assert [
        random.gauss(0, 1),
        random.random(),
        torch.rand(3).tolist(),
        numpy.random.rand(3).tolist(),
    ] == expected
