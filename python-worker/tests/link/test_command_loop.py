"""What a worker does on command, always at a step boundary."""

from __future__ import annotations

import os
import signal
import threading

from absgd_worker.gen import plan_pb2, session_pb2
from fake_controller import FakeController

# Slow enough that a command finds the run still going, and that it is over soon.
SLOW = {"seconds": 0.004}
END = 100_000


def started(served, *, steps=END, params=SLOW, **options):
    controller, worker = served(params=params, **options)
    controller.await_welcomed()
    controller.plan(0, steps, run_steps=steps, lr=0.1, lambda_=-2.0, gamma=0.9)
    controller.until(controller.steps, "the first report")
    return controller, worker


def paused(served, **options):
    controller, worker = started(served, **options)
    assert controller.ask("pause", pause={}).ok
    controller.await_phase("PAUSED")
    return controller, worker


def standing(controller: FakeController) -> int:
    """The step of a Progress that is still to come."""
    seen = len(controller.of(session_pb2.Progress))
    controller.until(lambda: len(controller.of(session_pb2.Progress)) > seen, "Progress")
    return controller.last_progress().position.step


def test_a_pause_stands_until_it_is_resumed(served):
    controller, _worker = started(served)
    answer = controller.ask("p", pause={})
    controller.await_phase("PAUSED")
    assert answer.ok
    assert standing(controller) == answer.step == standing(controller)
    assert controller.ask("r", resume={}).step == answer.step
    controller.until(lambda: controller.steps()[-1][1] > answer.step + 5, "more steps")


def test_step_on_trains_exactly_the_steps_asked_for(served):
    controller, _worker = paused(served)
    before = controller.ask("s", step_on={"steps": 7})
    assert before.ok
    controller.until(lambda: standing(controller) == before.step + 7, "seven steps")
    controller.await_phase("PAUSED")
    assert controller.ask("one more", step_on={"steps": 1}).step == before.step + 7


def test_step_on_is_refused_while_training(served):
    controller, _worker = started(served)
    answer = controller.ask("s", step_on={"steps": 7})
    assert not answer.ok
    assert "pause it first" in answer.message


def test_a_repeated_command_is_answered_again_and_not_obeyed_twice(served):
    controller, _worker = paused(served)
    first = controller.ask("once", step_on={"steps": 3})
    controller.until(lambda: standing(controller) == first.step + 3, "three steps")
    controller.messages.clear()
    again = controller.ask("once", step_on={"steps": 3})
    assert (again.ok, again.step, again.message) == (first.ok, first.step, first.message)
    assert standing(controller) == first.step + 3


def test_a_command_of_another_lease_is_dropped(served):
    controller, _worker = paused(served)
    controller.lease -= 1
    controller.command("old", resume={})
    controller.lease += 1
    assert controller.ask("new", checkpoint={}).ok
    assert controller.answer("old") is None
    controller.await_phase("PAUSED")


def test_a_checkpoint_on_command_is_on_disk_when_it_is_answered(served):
    controller, worker = started(served)
    answer = controller.ask("c", checkpoint={})
    assert answer.ok
    (written,) = controller.until(lambda: controller.bodies("checkpoint_written"), "the record")
    assert written.position.step == answer.step
    assert (worker.run_dir / written.path).exists()


def test_an_evaluation_on_command_belongs_to_the_last_step_done(served):
    controller, _worker = started(served)
    answer = controller.ask("e", evaluate={})
    assert answer.ok
    controller.until(lambda: len(controller.bodies("evaluation")) == 2, "two splits")
    assert {body.step for body in controller.bodies("evaluation")} == {answer.step - 1}


def test_an_evaluation_before_the_first_step_is_refused(served):
    controller, _worker = served()
    controller.await_welcomed()
    answer = controller.ask("e", evaluate={})
    assert not answer.ok
    assert "no step is trained yet" in answer.message


def test_stop_with_a_checkpoint_does_not_evaluate_and_ends_the_process(served):
    controller, worker = started(served)
    answer = controller.ask("stop", stop={"checkpoint": True})
    bye = controller.release()
    assert worker.wait() == 0
    assert bye.reason == session_pb2.BYE_REASON_STOPPED
    assert bye.position.step == answer.step
    assert [body.position.step for body in controller.bodies("checkpoint_written")] == [answer.step]
    assert controller.bodies("evaluation") == []
    assert controller.steps()[-1] == (1, answer.step - 1)


def test_stop_without_a_checkpoint_leaves_none(served):
    controller, worker = started(served)
    assert controller.ask("stop", stop={"checkpoint": False}).ok
    controller.release()
    assert worker.wait() == 0
    assert not (worker.run_dir / "checkpoints").exists()


def test_stop_ends_a_paused_run(served):
    controller, worker = paused(served)
    assert controller.ask("stop", stop={"checkpoint": True}).ok
    controller.release()
    assert worker.wait() == 0


def test_stop_ends_a_run_that_waits_for_a_row(served):
    controller, worker = served()
    controller.await_welcomed()
    controller.plan(0, 5, run_steps=10, lr=0.1)
    controller.await_phase("WAITING")
    assert controller.ask("stop", stop={"checkpoint": True}).step == 5
    controller.release()
    assert worker.wait() == 0


def test_a_missing_row_is_waited_for_after_all_reports_were_sent_and_the_wait_is_counted(served):
    controller, worker = served()
    controller.await_welcomed()
    controller.plan(0, 5, run_steps=10, lr=0.1)
    controller.until(lambda: len(controller.steps()) == 5, "all five reports")
    progress = controller.await_phase("WAITING")
    assert (progress.waits, progress.position.step) == (1, 5)
    controller.plan(5, 5, run_steps=10, lr=0.1)
    controller.release()
    assert worker.wait() == 0
    assert controller.bodies("step_batch")[-1].waits == 1
    assert controller.last_progress().waited_seconds > 0


def test_a_later_plan_replaces_rows_that_have_not_begun_and_says_from_where(served):
    controller, _worker = paused(served)
    step = standing(controller)
    seq = controller.plan(0, END, run_steps=END, lr=0.5)
    ack = controller.until(
        lambda: next((ack for ack in controller.of(plan_pb2.PlanAck) if ack.plan_seq == seq), None),
        "the plan's answer",
    )
    assert ack.effective_from == step
    controller.ask("on", step_on={"steps": 3})
    controller.until(lambda: controller.steps()[-1] == (1, step + 2), "three steps")
    lrs = {}
    for batch in controller.bodies("step_batch"):
        column = next(column for column in batch.controls if column.name == "lr")
        values = memoryview(column.values).cast("d")
        lrs.update({batch.first_step + index: value for index, value in enumerate(values)})
    assert (lrs[step - 1], lrs[step], lrs[step + 2]) == (0.1, 0.5, 0.5)


def test_sigterm_writes_a_checkpoint_and_exits_zero(served):
    controller, worker = started(served)
    os.kill(worker.pid, signal.SIGTERM)
    bye = controller.release()
    assert worker.wait() == 0
    assert bye.reason == session_pb2.BYE_REASON_STOPPED
    (written,) = controller.bodies("checkpoint_written")
    assert written.position.step == bye.position.step


def test_sigint_is_left_to_the_controller(served):
    controller, worker = paused(served)
    os.kill(worker.pid, signal.SIGINT)
    answer = controller.ask("go", resume={})
    controller.until(lambda: controller.steps()[-1][1] > answer.step, "training to go on")


def test_a_full_disk_refuses_checkpoints_and_training_goes_on_with_nothing_lost(served):
    # The limit holds for the spool as well, whose segments are cut off at it.
    controller, worker = started(served, file_limit=8_000)
    answer = controller.ask("c", checkpoint={})
    assert not answer.ok
    assert "no checkpoint could be written" in answer.message
    assert "earlier ones are untouched" in answer.message
    controller.until(lambda: controller.steps()[-1][1] > answer.step + 200, "training to go on")
    assert controller.ask("stop", stop={"checkpoint": False}).ok
    bye = controller.release()
    assert worker.wait() == 0
    assert controller.steps() == [(1, step) for step in range(bye.position.step)]
    assert list((worker.run_dir / "checkpoints").iterdir()) == []


def test_commands_that_come_after_the_end_are_answered_that_training_is_over(served):
    controller, worker = started(served, steps=3, params={})
    controller.until(lambda: controller.of(session_pb2.Bye), "Bye")
    answer = controller.ask("late", pause={})
    assert (answer.ok, answer.step, answer.message) == (False, 3, "training is over")
    controller.release()
    assert worker.wait() == 0


def test_commands_at_any_moment_leave_no_thread_behind(served):
    before = set(threading.enumerate())
    controller, worker = started(served)
    for round in range(5):
        controller.command(f"pause {round}", pause={})
        controller.command(f"evaluate {round}", evaluate={})
        controller.command(f"checkpoint {round}", checkpoint={})
        controller.command(f"resume {round}", resume={})
    controller.until(lambda: controller.answer("resume 4"), "all answers")
    assert all(answer.ok for answer in controller.messages if hasattr(answer, "ok"))
    assert controller.ask("stop", stop={"checkpoint": False}).ok
    controller.release()
    assert worker.wait() == 0
    assert set(threading.enumerate()) <= before
