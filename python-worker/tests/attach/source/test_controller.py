"""A script under a controller: real sockets, a process of its own, a controller without decisions."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from absgd_worker.gen import record_pb2, session_pb2
from project import SCRIPTS

SCRIPT = str(SCRIPTS / "driven.py")


def controls(controller, name: str) -> list[float]:
    return [
        value
        for batch in controller.bodies("step_batch")
        for control in batch.controls
        if control.name == name
        for value in torch.frombuffer(bytearray(control.values), dtype=torch.float64).tolist()
    ]


def test_trains_by_the_plan_and_is_complete_when_it_ends_by_itself(served):
    controller, worker = served(script=[SCRIPT, "12", "workers"])
    hello = controller.await_welcomed()
    assert (hello.steps_per_epoch, hello.dataset_size, hello.position.step) == (0, 0, 0)
    # The largest of both groups.
    assert {control.name: round(control.value, 3) for control in hello.initial} == {
        "lr": 0.1,
        "momentum": 0.9,
        "weight_decay": 0.0,
    }
    controller.plan(0, 6, lambda_=math.inf, gamma=0.9)
    controller.plan(6, 1000, lambda_=-0.5, gamma=1.0)
    bye = controller.release()
    assert (bye.reason, bye.position.step) == (session_pb2.BYE_REASON_COMPLETED, 12)
    assert worker.wait() == 0
    assert controller.steps() == [(1, step) for step in range(12)]
    assert controls(controller, "lambda") == [math.inf] * 6 + [-0.5] * 6
    # The script's own scheduler: nobody plans lr, and what trained is what is reported.
    assert [round(lr, 6) for lr in controls(controller, "lr")[:7]] == [0.1] * 3 + [0.01] * 3 + [0.001]
    losses, weights = last_samples(controller)
    assert torch.allclose(weights, torch.softmax(losses / -0.5, 0), atol=1e-6)
    evaluation = controller.bodies("evaluation")[0]
    (metric,) = evaluation.metrics
    assert (evaluation.split, evaluation.step, metric.name, metric.value) == ("val", 4, "accuracy", 0.5)
    assert "absgd: captured 1 loss: cross_entropy mean [B=16]" in worker.output


def last_samples(controller) -> tuple[torch.Tensor, torch.Tensor]:
    step = controller.bodies("sample_batch")[-1].steps[-1]
    losses, weights = (
        torch.frombuffer(bytearray(part), dtype=torch.float32) for part in (step.losses, step.weights)
    )
    return losses, weights


def test_ends_where_the_run_does_and_what_follows_its_loop_is_not_run(served):
    controller, worker = served(script=[SCRIPT, "1000"])
    controller.await_welcomed()
    controller.plan(0, 7, run_steps=7, lambda_=2.0)
    bye = controller.release()
    assert (bye.reason, bye.position.step) == (session_pb2.BYE_REASON_COMPLETED, 7)
    assert worker.wait() == 0
    assert "absgd: stopped: all 7 steps of the run are trained" in worker.output
    assert not (worker.run_dir / "model.pt").exists()


def test_stands_still_saves_evaluates_and_stops_when_asked(served):
    controller, worker = served(script=[SCRIPT, "1000000", "saves"])
    controller.await_welcomed()
    controller.plan(0, 200_000, lambda_=2.0)
    controller.until(lambda: len(controller.steps()) > 8, "steps")
    stood = controller.ask("a", pause={}).step
    assert controller.ask("b", step_on={"steps": 3}).ok
    controller.until(lambda: controller.last_progress().position.step == stood + 3, "three steps")
    saved = controller.ask("c", checkpoint={})
    assert (saved.ok, saved.step) == (True, stood + 3)
    state = torch.load(worker.run_dir / "saved.pt")
    # The scheduler has done its part of the step, and the model has seen nothing of the next.
    assert (state["session"]["step"], state["scheduled"], state["seen"]) == (stood + 3,) * 3
    assert controller.ask("d", evaluate={}).message.startswith("val.accuracy 0.")
    refusals = [
        controller.ask("e", checkpoint={"automatic": True}),
        controller.ask("f", restore={"path": "x", "sha256": "", "attempt": 2}),
    ]
    assert [refusal.ok for refusal in refusals] == [False, False]
    assert all("cannot be returned to a checkpoint while it runs" in one.message for one in refusals)
    # Evaluating leaves the model in training, as the script asserts at every step.
    assert controller.ask("g", resume={}).ok
    controller.until(lambda: controller.steps()[-1][1] > stood + 10, "more steps")
    stopped = controller.ask("h", stop={"checkpoint": True})
    assert "the script saved itself" in stopped.message
    bye = controller.release()
    assert (bye.reason, bye.position.step) == (session_pb2.BYE_REASON_STOPPED, stopped.step)
    assert worker.wait() == 0


def test_what_it_has_no_function_for_is_refused_with_what_to_give(served):
    controller, worker = served(script=[SCRIPT, "1000000"])
    controller.await_welcomed()
    # PlanFileSource ones are passed over: the script may do both by itself.
    controller.plan(0, 200_000, lambda_=2.0, events=[(2, "evaluate"), (2, "checkpoint")])
    controller.until(lambda: len(controller.steps()) > 8, "steps")
    assert "session(on_checkpoint=save)" in controller.ask("a", checkpoint={}).message
    assert "session(on_evaluate=evaluate)" in controller.ask("b", evaluate={}).message
    assert "unsaved" in controller.ask("c", stop={"checkpoint": True}).message
    controller.release()
    assert worker.wait() == 0


def test_planned_hyperparameters_hold_and_the_scripts_own_are_there_again(served):
    controller, worker = served(script=[SCRIPT, "8"])
    controller.await_welcomed()
    controller.plan(0, 100, lambda_=math.inf, lr=[0.2] * 100, clip_norm=0.05)
    controller.release()
    assert worker.wait() == 0
    assert controls(controller, "lr") == [0.2] * 8
    assert "lr ['0.001', '0.0001']" in worker.output
    assert worker.output.count("the script changes lr itself (0.1 to 0.01)") == 1
    assert torch.equal(
        torch.load(worker.run_dir / "model.pt")["0.weight"], plain_loop(8, lr=(0.2, 0.02), clip=0.05)
    )


def plain_loop(steps: int, *, lr: tuple[float, float], clip: float) -> torch.Tensor:
    torch.manual_seed(0)
    points = torch.randn(64, 4)
    first, last = torch.nn.Linear(4, 8), torch.nn.Linear(8, 4)
    model = torch.nn.Sequential(first, torch.nn.Dropout(0.1), last)
    groups = [{"params": part.parameters(), "lr": own} for part, own in zip((first, last), lr, strict=True)]
    optimizer = torch.optim.SGD(groups, momentum=0.9)
    for step in range(steps):
        if step % 4 == 0:
            # A loader draws a seed of its own each epoch.
            torch.empty((), dtype=torch.int64).random_()
        batch = slice(16 * (step % 4), 16 * (step % 4) + 16)
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(points[batch]), points[batch].argmax(1)).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
    return first.weight.detach()


@pytest.mark.parametrize(
    ("behaviour", "reason", "exit_code", "said"),
    [
        ("raises", "FAILED", 1, "ValueError: the data went wrong"),
        ("leaves", "FAILED", 3, "the script ended itself: sys.exit(3)"),
    ],
)
def test_how_it_failed_is_its_last_word(served, behaviour, reason, exit_code, said):
    controller, worker = served(script=[SCRIPT, "100", behaviour])
    controller.await_welcomed()
    controller.plan(0, 100, lambda_=2.0)
    bye = controller.release()
    assert (bye.reason, bye.position.step) == (session_pb2.ByeReason.Value(f"BYE_REASON_{reason}"), 5)
    assert said in bye.message
    assert ("driven.py" in bye.traceback) is (behaviour == "raises")
    assert worker.wait() == exit_code


def test_goes_on_where_it_was_saved_and_says_so(served, tmp_path):
    controller, worker = served(script=[SCRIPT, "1000000", "saves"])
    controller.await_welcomed()
    controller.plan(0, 200_000, lambda_=2.0)
    controller.until(lambda: len(controller.steps()) > 8, "steps")
    saved = controller.ask("a", checkpoint={}).step
    worker.kill()
    again, worker = served(script=[SCRIPT, str(saved + 4), "loads"], welcome={"attempt": 2})
    assert (again.await_welcomed().position.attempt, again.await_welcomed().position.step) == (0, saved)
    again.plan(saved, 100, attempt=2, lambda_=2.0)
    again.release()
    assert worker.wait() == 0
    assert again.steps() == [(2, saved + step) for step in range(4)]


def test_what_is_planned_after_the_last_step_is_done_where_the_loop_is_whole(served):
    controller, worker = served(script=[SCRIPT, "4", "saves"])
    controller.await_welcomed()
    controller.plan(0, 100, lambda_=2.0, events=[(3, "checkpoint"), (3, "evaluate")])
    controller.release()
    assert worker.wait() == 0
    state = torch.load(worker.run_dir / "saved.pt")
    assert (state["session"]["step"], state["scheduled"], state["seen"]) == (4, 4, 4)
    assert [one.step for one in controller.bodies("evaluation")] == [3]


@pytest.mark.parametrize(
    ("how", "lam", "is_one", "said"),
    [
        ("alone", -1.0, False, "a controller drives one"),
        ("alone", math.inf, True, "Lambda is off: the model is trained"),
        ("sessions", -1.0, False, "a controller drives one"),
        ("together", -1.0, True, "another model is trained in this session"),
    ],
)
def test_a_second_training_is_refused_unless_both_are_one_or_lambda_is_off(served, how, lam, is_one, said):
    controller, worker = served(script=[str(Path(SCRIPT).with_name("folds.py")), "5", how])
    controller.await_welcomed()
    controller.plan(0, 100, lambda_=lam)
    bye = controller.release()
    assert worker.wait() == (0 if is_one else 1)
    assert bye.reason == (session_pb2.BYE_REASON_COMPLETED if is_one else session_pb2.BYE_REASON_FAILED)
    assert bye.position.step == (10 if is_one else 5)
    assert said in worker.output
    assert ("trained fold 1" in worker.output) is is_one


def test_a_controller_of_another_run_is_an_error(served):
    controller, worker = served(script=[SCRIPT, "12"], welcome={"run": "other"})
    controller.until(lambda: not worker.is_alive(), "the end")
    assert worker.wait() == 1
    assert "SessionError: the controller runs 'other', this worker was started for 'run'" in worker.output


def test_gives_up_a_controller_that_is_gone_for_too_long(served):
    controller, worker = served(script=[SCRIPT, "1000", "saves"], welcome={"orphan_limit_seconds": 0.3})
    controller.await_welcomed()
    controller.plan(0, 3, lambda_=2.0)
    assert worker.wait() == 75
    assert "no controller was heard for 0.3 s" in worker.output
    state = torch.load(worker.run_dir / "saved.pt")
    assert (state["session"]["step"], state["scheduled"], state["seen"]) == (3, 3, 3)


def test_ranks_but_the_first_dial_nobody_and_are_off(served):
    controller, worker = served(script=[SCRIPT, "8"], RANK="1")
    assert worker.wait() == 0
    controller.poll()
    assert controller.of(session_pb2.Hello) == []
    assert not list((worker.run_dir).glob("spool/*"))


def test_half_an_address_is_refused_before_the_script_begins(served):
    _, worker = served(script=[SCRIPT, "8"], ABSGD_RUN="")
    assert worker.wait() == 2
    assert "absgd-run: ABSGD_RUN not set" in worker.output


def test_records_are_read_as_those_of_a_task(served):
    """Spool and socket carry the same frames."""
    controller, worker = served(script=[SCRIPT, "8"])
    controller.await_welcomed()
    controller.plan(0, 100, lambda_=2.0)
    controller.release()
    assert worker.wait() == 0
    assert {record.origin for record in controller.records} == {"script"}
    assert all(isinstance(record, record_pb2.Record) for record in controller.records)


def test_a_script_that_cannot_save_itself_is_noted_and_trains_on(served):
    controller, worker = served(script=[SCRIPT, "8", "saves", "disk-full"])
    controller.await_welcomed()
    controller.plan(0, 8, lambda_=2.0, events=[(3, "evaluate"), (3, "checkpoint")])
    bye = controller.release()
    assert worker.wait() == 0
    assert (bye.reason, bye.position.step) == (session_pb2.BYE_REASON_COMPLETED, 8)
    ((level, at, text),) = [(note.level, note.position.step, note.text) for note in controller.bodies("note")]
    assert (level, at) == (record_pb2.Note.LEVEL_WARNING, 4)
    assert text == (
        "not saved after 4 steps: the script's function that saves it raised OSError('no space is left')"
    )
