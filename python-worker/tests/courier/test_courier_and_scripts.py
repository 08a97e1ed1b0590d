"""What a script does with its process harms neither its reports nor itself."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from absgd_worker.gen import session_pb2
from publishing import assert_whole, is_gone, samples_of, steps_of


def test_code_that_holds_the_interpreter_delays_neither_reports_nor_the_heartbeat(publish):
    run = publish(["welcome"], ["steps", 40], ["hold_interpreter"], ["steps", 1], ["bye"])
    run.controller.until(
        lambda: len(run.controller.steps()) == 40, "all steps while nothing runs in the process"
    )
    beats = len(run.controller.of(session_pb2.Progress))
    run.controller.until(lambda: len(run.controller.of(session_pb2.Progress)) > beats + 1, "its progress")
    assert run.process.stdin is not None
    run.process.stdin.write(b"x")
    run.process.stdin.flush()
    run.controller.release()
    assert run.wait() == (0, 41)
    assert_whole(run.controller.records, 41)


def test_a_fork_of_a_script_reports_nothing_and_its_end_ends_nothing(publish):
    run = publish(["welcome"], ["steps", 20], ["fork"], ["steps", 20], ["fork"], ["bye"])
    run.controller.release()
    assert run.wait() == (0, 40)
    assert_whole(run.controller.records, 40)


def test_a_script_that_closes_all_its_descriptors_loses_neither_reports_nor_its_own_files(publish):
    run = publish(
        ["welcome"], ["steps", 20], ["close_descriptors"], ["steps", 5000], ["write_files"], ["bye"]
    )
    run.controller.release()
    assert run.wait() == (0, 5020)
    assert_whole(run.controller.records, 5020)
    assert [(run.run_dir / f"own-{number}").read_text() for number in range(8)] == ["whole"] * 8


def test_a_script_that_waits_for_its_children_has_none(publish):
    run = publish(["welcome"], ["await_no_child"], ["steps", 5], ["bye"])
    run.controller.release()
    assert run.wait() == (0, 5)


def test_a_full_ring_goes_on_in_a_file_and_training_does_not_wait(publish):
    # The ring has room for about 2,700 of these steps.
    run = publish(
        ["welcome"],
        ["steps", 10],
        ["await_spooled"],
        ["signal_courier", signal.SIGSTOP],
        ["steps", 8000],
        ["await_file", "go"],
        ["signal_courier", signal.SIGCONT],
        ["steps", 500],
        ["await_spooled"],
        ["steps", 100],
        ["bye"],
    )
    run.controller.until(lambda: list((run.run_dir / "spool").glob("*.overflow.*")), "a file beside the ring")
    (run.run_dir / "go").touch()
    run.controller.release()
    assert run.wait() == (0, 8610)
    assert_whole(run.controller.records, 8610)
    run.await_end_of_courier()


def test_above_its_limit_samples_are_left_out_with_a_gap_and_numbers_of_steps_are_not(publish):
    run = publish(
        ["welcome"],
        ["most_bytes", 2_000_000],
        ["steps", 10],
        ["await_spooled"],
        ["signal_courier", signal.SIGSTOP],
        ["steps", 8000],
        ["signal_courier", signal.SIGCONT],
        ["await_spooled"],
        ["steps", 100],
        ["bye"],
    )
    run.controller.release()
    assert run.wait() == (0, 8110)
    assert steps_of(run.controller.records) == list(range(8110))
    (gap,) = run.controller.bodies("gap")
    assert gap.reason == gap.REASON_SPOOL
    kept = samples_of(run.controller.records)
    assert kept == [*range(gap.first_step), *range(8010, 8110)]
    assert "samples are left out" in run.errors


def test_both_processes_end_and_nothing_is_left(publish):
    run = publish(["welcome"], ["steps", 10], ["bye"])
    courier = run.courier()
    assert courier["pid"] != run.process.pid
    run.controller.release()
    assert run.wait() == (0, 10)
    run.await_end_of_courier()
    run.controller.until(lambda: is_gone(courier), "the end of the courier's process")


def test_a_process_that_needs_no_courier_leaves_none(publish):
    run = publish(ENDS_AT_ONCE)
    assert run.wait()[0] == 0
    run.await_end_of_courier()


ENDS_AT_ONCE = ["courier_pid"]


def test_where_no_process_can_be_started_a_thread_serves_and_that_is_said(publish):
    run = publish(["welcome"], ["steps", 200], ["bye"], ABSGD_TEST_NO_EXECUTABLE="1")
    run.controller.release()
    assert run.wait() == (0, 200)
    assert_whole(run.controller.records, 200)
    assert "runs as a thread of this process, which delays training: the interpreter is unknown" in run.errors
    assert not run.memories()


def test_the_variable_asks_for_a_thread_without_a_word(publish):
    run = publish(["welcome"], ["steps", 50], ["bye"], ABSGD_COURIER="thread")
    run.controller.release()
    assert run.wait() == (0, 50)
    assert_whole(run.controller.records, 50)
    assert run.errors == ""


def test_a_courier_imports_no_torch(publish):
    run = publish(["welcome"], ["steps", 1], ["await_file", "go"], ["bye"])
    run.controller.until(run.controller.steps, "a report")
    maps = Path(f"/proc/{run.courier()['pid']}/maps")
    if maps.exists():
        assert "libtorch" not in maps.read_text()
    (run.run_dir / "go").touch()
    run.controller.release()
    assert run.wait() == (0, 1)
    assert os.listdir(run.run_dir / "spool") == []


def test_an_exception_of_a_signal_at_any_moment_leaves_all_other_reports_whole(publish):
    run = publish(["welcome"], ["interrupted_steps", 4000], ["bye"])
    run.controller.release()
    code, _ = run.wait()
    assert code == 0
    reported = steps_of(run.controller.records)
    # A step whose report was interrupted may be missing; none is doubled, and none in another order.
    assert reported == sorted(set(reported))
    interrupted, finished = map(int, (run.run_dir / "interrupted").read_text().split())
    assert interrupted > 20
    assert len(reported) >= finished
    assert samples_of(run.controller.records) == reported
