"""Whatever is killed, a step that was published is in the spool or with the controller, once."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections import Counter

import pytest

from absgd_worker.gen import session_pb2
from project import SOURCE
from publishing import assert_whole, is_gone, steps_of
from worker_process import read_spool

LOST = session_pb2.BYE_REASON_LOST


@pytest.mark.parametrize("end", [["kill_self", signal.SIGKILL], ["kill_self", signal.SIGSEGV], ["crash"]])
def test_a_killed_process_loses_no_published_step_and_its_courier_tells_its_end(publish, end):
    run = publish(["welcome"], ["steps", 500], end)
    code, published = run.wait()
    assert code < 0
    bye = run.controller.release()
    assert (bye.reason, bye.position.step) == (LOST, published) == (LOST, 500)
    assert_whole(run.controller.records, published)
    run.await_end_of_courier()


def test_without_a_controller_what_a_killed_process_reported_is_in_the_spool(publish):
    run = publish(
        ["welcome"],
        ["slow_steps", 50],
        ["await_file", "controller-gone"],
        ["steps", 200],
        ["kill_self", signal.SIGKILL],
    )
    run.controller.acknowledge = False
    run.controller.until(run.controller.steps, "the first report")
    courier = run.courier()
    run.leave_alone()
    (run.run_dir / "controller-gone").touch()
    _, published = run.wait()
    run.until(lambda: is_gone(courier), "the end of the courier")
    assert_whole(read_spool(run.run_dir), published)
    assert not run.pointers()


def test_when_both_are_killed_what_was_published_is_recovered_from_the_memory(publish):
    run = publish(
        ["welcome"],
        ["steps", 30],
        ["await_spooled"],
        ["signal_courier", signal.SIGSTOP],
        ["steps", 70],
        ["signal_courier", signal.SIGKILL],
        ["kill_self", signal.SIGKILL],
    )
    run.controller.acknowledge = False
    _, published = run.wait()
    assert published == 100
    assert len(steps_of(read_spool(run.run_dir))) < published
    assert len(run.pointers()) == 1
    for _ in range(2):
        # A second time there is nothing left to recover.
        subprocess.run(
            [sys.executable, "-m", "absgd_worker.recover", str(run.run_dir)],
            env={**os.environ, "PYTHONPATH": str(SOURCE)},
            check=True,
            timeout=60,
        )
        records = read_spool(run.run_dir)
        assert_whole(records, published)
        assert [record.bye.reason for record in records if record.HasField("bye")] == [LOST]
    run.await_end_of_courier()


def test_memory_that_no_run_needs_any_more_is_removed_by_the_next_courier(publish):
    run = publish(
        ["welcome"], ["steps", 10], ["signal_courier", signal.SIGKILL], ["kill_self", signal.SIGKILL]
    )
    run.wait()
    (memory,) = run.memories()
    next_one = publish(["welcome"], ["steps", 1], ["bye"])
    next_one.controller.release()
    next_one.wait()
    assert memory.exists(), "its run is still there"
    shutil.rmtree(run.run_dir)
    last = publish(["welcome"], ["steps", 1], ["bye"])
    last.controller.release()
    last.wait()
    assert not memory.exists()


def test_what_a_living_process_shares_is_not_recovered(publish):
    run = publish(["welcome"], ["steps", 10], ["await_file", "go"], ["bye"])
    run.courier()
    before = run.pointers()
    subprocess.run(
        [sys.executable, "-m", "absgd_worker.recover", str(run.run_dir)],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        check=True,
        timeout=60,
    )
    assert run.pointers() == before
    (run.run_dir / "go").touch()
    run.controller.release()
    assert run.wait() == (0, 10)
    assert_whole(run.controller.records, 10)


def test_a_courier_that_is_killed_is_followed_by_another_and_no_step_is_lost_or_doubled(publish):
    run = publish(["welcome"], ["slow_steps", 1500], ["await_file", "go"], ["bye"])
    killed = set()
    while len(killed) < 3:
        courier = run.courier()
        seen = len(run.controller.steps())
        run.controller.until(lambda seen=seen: len(run.controller.steps()) > seen, "a report")
        if courier["pid"] not in killed:
            killed.add(courier["pid"])
            os.kill(courier["pid"], signal.SIGKILL)
    (run.run_dir / "go").touch()
    run.controller.release()
    assert run.wait() == (0, 1500)
    assert_whole(run.controller.records, 1500)
    assert len({record.incarnation for record in run.controller.records}) == 1
    assert run.errors.count("another one goes on") == 3
    run.await_end_of_courier()


def test_a_courier_killed_after_the_bye_is_followed_by_one_that_sends_it_again(publish):
    run = publish(["welcome"], ["steps", 20], ["bye"])
    first = run.controller.until(lambda: run.controller.of(session_pb2.Bye), "Bye")[-1]
    os.kill(run.courier()["pid"], signal.SIGKILL)
    run.controller.until(lambda: len(run.controller.of(session_pb2.Bye)) > 1, "Bye of another courier")
    assert run.controller.release().sent == first.sent
    assert run.wait() == (0, 20)
    assert_whole(run.controller.records, 20)
    assert Counter(record.WhichOneof("body") for record in run.controller.records)["bye"] == 1


def test_couriers_that_end_again_and_again_are_replaced_by_a_thread(publish):
    run = publish(["welcome"], ["slow_steps", 50], ["await_file", "go"], ["steps", 50], ["bye"])
    killed = set()

    def kill_each() -> bool:
        for pointer in run.pointers():
            pid = pointer.get("courier", {}).get("pid")
            if pid and pid != run.process.pid and pid not in killed:
                killed.add(pid)
                os.kill(pid, signal.SIGKILL)
        return "it has ended several times" in run.errors

    run.until(kill_each, "the thread")
    (run.run_dir / "go").touch()
    run.controller.release()
    assert run.wait() == (0, 100)
    assert_whole(run.controller.records, 100)
