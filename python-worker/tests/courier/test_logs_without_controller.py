"""Runs that are recorded without a controller: their couriers write the log."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from absgd_worker.attach.recording import writer
from absgd_worker.attach.recording.writer import LogWriter
from absgd_worker.link.run_lock import is_locked
from publishing import assert_whole, is_gone, steps_of

KILL, STOP = signal.SIGKILL, signal.SIGSTOP


def test_a_run_is_in_its_log_when_the_process_ends_and_nothing_else_is_left(publish):
    run = publish(["steps", 300], ["close"], log=True)
    assert run.wait() == (0, 300)
    assert_whole(run.logged(), 300)
    assert not (run.run_dir / "spool").exists()
    assert not is_locked(run.run_dir)
    assert not run.memories()


def test_a_killed_process_is_in_its_log_with_its_end_and_its_lock_is_released(publish):
    run = publish(["steps", 300], ["await_file", "go"], ["kill_self", KILL], log=True)
    courier = run.courier()
    (run.run_dir / "go").touch()
    assert run.wait()[1] == 300
    run.controller.until(lambda: is_gone(courier), "the end of the courier")
    assert_whole(run.logged(), 300)
    assert run.logged()[-1].HasField("sample_batch")
    assert [record.bye.reason for record in run.logged() if record.HasField("bye")] == [5]
    assert not (run.run_dir / "lock").exists()


def test_the_next_process_of_a_run_recovers_what_a_killed_pair_has_left(publish):
    run = publish(["steps", 50], ["await_spooled"], ["signal_courier", STOP], ["steps", 150], *BOTH, log=True)
    assert run.wait()[1] == 200
    assert len(steps_of(run.logged())) < 200
    LogWriter(run.run_dir, lambda _payload: None).close()
    assert_whole(run.logged(), 200)
    assert not run.pointers()


BOTH = (["signal_courier", KILL], ["kill_self", KILL])


def test_a_courier_that_still_writes_for_a_killed_process_finishes_before_the_next_one_begins(publish):
    run = publish(["steps", 3000], ["kill_self", KILL], log=True)
    run.wait()
    LogWriter(run.run_dir, lambda _payload: None).close()
    assert_whole(run.logged(), 3000)


def test_a_stopped_courier_of_a_killed_process_is_killed_and_what_it_had_left_is_recovered(
    publish, monkeypatch
):
    monkeypatch.setattr(writer, "COURIER_SECONDS", 0.1)
    run = publish(
        ["steps", 50],
        ["await_spooled"],
        ["signal_courier", STOP],
        ["steps", 50],
        ["kill_self", KILL],
        log=True,
    )
    courier = run.courier()
    run.wait()
    LogWriter(run.run_dir, lambda _payload: None).close()
    assert is_gone(courier)
    assert_whole(run.logged(), 100)


def test_a_courier_that_ends_before_it_has_begun_is_followed_by_another(publish):
    run = publish(["signal_courier", KILL], ["steps", 100], ["close"], log=True)
    assert run.wait() == (0, 100)
    assert_whole(run.logged(), 100)
    assert "another one goes on" in run.errors


def test_the_handler_of_a_signal_may_report_in_the_middle_of_a_report(publish):
    run = publish(["steps_with_a_handler", 3000], ["close"], log=True)
    assert run.wait() == (0, 3000)
    assert_whole(run.logged(), 3000)
    notes = [int(record.note.text) for record in run.logged() if record.HasField("note")]
    # A handler may interrupt itself.
    assert sorted(notes) == list(range(1, int((run.run_dir / "noted").read_text()) + 1))
    assert notes


def test_a_process_does_not_keep_a_descriptor_for_each_look_at_its_courier(publish):
    run = publish(
        ["steps", 5],
        ["await_spooled"],
        ["count_descriptors", "before"],
        ["signal_courier", STOP],
        ["watch_for", 2.0],
        ["count_descriptors", "after"],
        ["signal_courier", signal.SIGCONT],
        ["close"],
        log=True,
    )
    assert run.wait()[0] == 0
    assert (run.run_dir / "after").read_text() == (run.run_dir / "before").read_text()


@pytest.mark.parametrize("name", ["absgd-ring-x", "absgd-ring-1-2", "absgd-ring-4000000-0-ab"])
def test_any_file_beside_the_memory_may_have_such_a_name(publish, name):
    stranger = Path("/dev/shm") / f"{name}-{os.getpid()}"
    stranger.write_bytes(b"not a ring")
    try:
        run = publish(["steps", 5], ["close"], log=True)
        assert run.wait() == (0, 5)
        assert_whole(run.logged(), 5)
        assert run.errors == ""
    finally:
        stranger.unlink(missing_ok=True)
