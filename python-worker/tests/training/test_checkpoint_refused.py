"""A checkpoint that the disk refuses is said, wherever it happens; one is never lost to an evaluation."""

from __future__ import annotations

import pytest

from absgd_worker.gen import record_pb2, session_pb2
from worker_process import read_spool

END = 12


def obstruct(worker, step, mark=""):
    """A directory that has the checkpoint's name: the file cannot take it, whoever asks for it."""
    path = worker.run_dir / "checkpoints" / f"step-{step:09d}.1{mark}.pt"
    (path / "in the way").mkdir(parents=True)
    return path


def notes(controller):
    return [(note.level, note.position.step, note.text) for note in controller.bodies("note")]


def assert_noted(controller, step):
    ((level, at, text),) = notes(controller)
    assert (level, at) == (record_pb2.Note.LEVEL_WARNING, step)
    assert text.startswith(f"no checkpoint after {step} steps: no checkpoint could be written to ")
    assert "Is a directory" in text


@pytest.mark.parametrize(("where", "step"), [("first", 4), ("periodic", 8)])
def test_one_that_the_plan_asks_for_is_a_note_and_training_goes_on(served, where, step):
    controller, worker = served()
    obstruct(worker, step)
    controller.await_welcomed()
    controller.plan(0, END, run_steps=END, lr=0.1, events=[(3, "checkpoint"), (7, "checkpoint")])
    bye = controller.release()
    assert worker.wait() == 0
    assert bye.reason == session_pb2.BYE_REASON_COMPLETED
    assert_noted(controller, step)
    assert [body.position.step for body in controller.bodies("checkpoint_written")] == [12 - step, END]


def test_the_last_one_makes_a_run_that_failed_and_says_what_to_do(served):
    controller, worker = served()
    obstruct(worker, END)
    controller.await_welcomed()
    controller.plan(0, END, run_steps=END, lr=0.1, events=[(3, "checkpoint")])
    bye = controller.release()
    assert worker.wait() == 1
    assert (bye.reason, bye.position.step) == (session_pb2.BYE_REASON_FAILED, END)
    assert bye.message.startswith("all 12 steps trained, but the model is not saved: no checkpoint could be")
    assert "make room on the disk or mend it, then resume the run" in bye.message
    assert_noted(controller, END)


@pytest.mark.parametrize(
    ("action", "mark"),
    [
        ({"stop": {"checkpoint": True}}, ""),
        ({"checkpoint": {}}, ""),
        ({"checkpoint": {"automatic": True}}, ".auto"),
    ],
)
def test_one_that_is_asked_for_is_refused_and_noted(served, action, mark):
    controller, worker = served()
    obstruct(worker, 5, mark)
    controller.await_welcomed()
    controller.plan(0, 5, run_steps=END, lr=0.1)
    controller.await_phase("WAITING")
    answer = controller.ask("a", **action)
    assert not answer.ok
    assert "no checkpoint could be written" in answer.message
    controller.until(lambda: controller.bodies("note"), "the note")
    assert_noted(controller, 5)
    assert worker.is_alive()


def test_a_worker_that_gives_up_unsaved_says_so(served):
    controller, worker = served(welcome={"orphan_limit_seconds": 0.5})
    obstruct(worker, 5)
    controller.await_welcomed()
    controller.plan(0, 5, run_steps=END, lr=0.1)
    controller.acknowledge = False
    assert worker.wait() == 75
    (bye,) = [record.bye for record in read_spool(worker.run_dir) if record.WhichOneof("body") == "bye"]
    assert "the last steps are not saved: no checkpoint could be written" in bye.message


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("how", ["evaluate", "evaluate-raises", "evaluate-exits"])
def test_an_evaluation_that_fails_does_not_cost_the_checkpoint_of_its_step(served, how, last):
    controller, worker = served(params={"fail": how})
    controller.await_welcomed()
    events = [] if last else [(4, "evaluate"), (4, "checkpoint")]
    controller.plan(0, 5, run_steps=5 if last else END, lr=0.1, events=events)
    bye = controller.release()
    assert worker.wait() == 1
    assert bye.reason == session_pb2.BYE_REASON_FAILED
    (written,) = controller.bodies("checkpoint_written")
    assert written.position.step == 5
    assert (worker.run_dir / written.path).is_file()


def test_an_evaluation_that_an_operator_asked_for_costs_nothing_where_it_fails(served):
    controller, worker = served(params={"fail": "evaluate-raises"})
    controller.await_welcomed()
    controller.plan(0, 5, run_steps=END, lr=0.1)
    controller.await_phase("WAITING")
    answer = controller.ask("e", evaluate={})
    assert not answer.ok
    assert "the evaluation failed, training goes on: the task failed: KeyError" in answer.message
    assert controller.ask("s", stop={"checkpoint": True}).ok
    controller.release()
    assert worker.wait() == 0


def test_a_process_that_dies_in_its_predictions_has_recorded_its_last_checkpoint(served):
    controller, worker = served(params={"fail": "predict-dies", "predict": True})
    controller.acknowledge = False
    controller.await_welcomed()
    controller.plan(0, END, run_steps=END, lr=0.1)
    controller.until(lambda: not worker.is_alive(), "its death")
    written = [
        record.checkpoint_written
        for record in read_spool(worker.run_dir)
        if record.WhichOneof("body") == "checkpoint_written"
    ]
    assert [body.position.step for body in written] == [END]
