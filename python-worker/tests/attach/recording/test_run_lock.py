"""The lock of a run directory: who holds it, here and where nothing can be looked at from here."""

from __future__ import annotations

import json

import pytest

from absgd_worker.attach.errors import SessionError
from absgd_worker.attach.recording.writer import LogWriter
from absgd_worker.link import run_lock as locks
from absgd_worker.link.process_identity import here, place_verdict
from absgd_worker.link.run_lock import RunLock, is_locked
from absgd_worker.link.wire.messages import Position
from absgd_worker.link.wire.records import Note
from project import GOLDEN
from worker_process import read_segment

# test/log/lock/run-lock-elsewhere.test.ts judges the same cases.
CASES = json.loads((GOLDEN / "locks.json").read_text())
COMMON = {"bootId": "boot-1", "host": "a", "machineId": "machine-a", "pidNamespace": "pid:[4026531836]"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_holder_is_judged_as_typescript_judges_it(case):
    holder = {name: value for name, value in {**COMMON, **case["holder"]}.items() if value is not None}
    assert place_verdict(holder, {**COMMON, **case["here"]}) == case["verdict"]


ELSEWHERE = {
    "another machine": ({"bootId": "boot-b", "host": "b", "machineId": "machine-b"}, "on the host 'b'"),
    "a container": ({"pidNamespace": "pid:[1]"}, "in another process namespace"),
    "an older version's, of another boot": (
        {"bootId": "boot-b", "host": None, "machineId": None, "pidNamespace": None},
        "its lock is of an older version",
    ),
}


@pytest.fixture(params=ELSEWHERE)
def elsewhere(request, tmp_path, monkeypatch):
    """A lock that this process took, as if it had been taken elsewhere; and what is said of it."""
    monkeypatch.setattr(locks, "TAKE_OVER_SECONDS", 0.0)
    change, words = ELSEWHERE[request.param]
    own = RunLock(tmp_path)
    lock = tmp_path / "lock"
    token = {**json.loads(lock.read_text()), **change}
    lock.write_text(json.dumps({name: value for name, value in token.items() if value is not None}))
    return own, words


def test_the_lock_of_a_process_of_unknown_state_is_refused_with_what_is_known(tmp_path, elsewhere):
    _, words = elsewhere
    assert is_locked(tmp_path)
    with pytest.raises(SessionError, match="is held elsewhere") as refused:
        RunLock(tmp_path)
    assert words in str(refused.value)
    assert "--take-over" in str(refused.value)


def test_it_is_replaced_if_the_user_asks_for_it_and_its_former_holder_notices(tmp_path, elsewhere):
    own, _ = elsewhere
    assert own.is_own
    assert not is_locked(tmp_path, take_over=True)
    taken = RunLock(tmp_path, take_over=True)
    assert taken.is_own
    assert not own.is_own
    own.release()
    assert taken.is_own
    assert {**json.loads((tmp_path / "lock").read_text()), **here()} == json.loads(
        (tmp_path / "lock").read_text()
    )


def test_a_writer_whose_run_was_taken_over_writes_nothing_more(tmp_path, capfd):
    writer = LogWriter(tmp_path, lambda _payload: None)
    writer.append(Note("mine", Position(1, 0)))
    writer.write()
    (tmp_path / "lock").unlink()
    writer.write()
    assert is_locked(tmp_path), "a lock that was deleted by hand is put back"
    token = json.loads((tmp_path / "lock").read_text())
    (tmp_path / "lock").write_text(json.dumps({**token, "id": "0" * 36}))
    writer.append(Note("not mine", Position(1, 0)))
    writer.write()
    writer.close()
    assert "another process has taken the run over" in capfd.readouterr().err
    records = read_segment((tmp_path / "steps.log").rename(tmp_path / "x.steps.log"))
    assert [record.note.text for record in records] == ["mine"]


def test_a_released_lock_is_not_written_again(tmp_path):
    own = RunLock(tmp_path)
    (tmp_path / "lock").unlink()
    assert own.is_own
    assert is_locked(tmp_path)
    own.release()
    assert own.is_own
    assert not is_locked(tmp_path)
