"""A task that misbehaves ends its run with one clear message, and its traceback where it has one."""

from __future__ import annotations

import pytest

from absgd_worker.gen import session_pb2
from worker_process import TASK


def failing(served, how, **events):
    controller, worker = served(params={"fail": how})
    controller.await_welcomed()
    controller.plan(0, 5, run_steps=5, lr=0.1, **events)
    bye = controller.release()
    assert worker.wait() == 1
    assert bye.reason == session_pb2.BYE_REASON_FAILED
    assert f"absgd worker: {bye.message}" in worker.output.splitlines()
    return bye, worker


def test_a_loss_that_raises_is_told_with_the_tasks_own_frames(served):
    bye, worker = failing(served, "step")
    assert bye.message == "the task failed: KeyError: 'a bug in the task'"
    assert f'File "{TASK}"' in bye.traceback
    assert "in loss" in bye.traceback
    assert "absgd_worker/trainer.py" not in bye.traceback
    assert bye.traceback.rstrip() in worker.output


def test_an_averaged_loss_is_told_what_to_return(served):
    bye, _ = failing(served, "mean")
    assert bye.message == (
        "loss must return one loss per sample, shape [8], not []: use reduction='none', "
        "and average over any dimension but the first"
    )
    assert bye.position.step == 0
    assert bye.traceback == ""


def test_an_evaluation_that_returns_no_number_is_named(served):
    bye, _ = failing(served, "evaluate", events=[(2, "evaluate")])
    assert bye.message == "the metric 'accuracy' of 'test' must be a number, not 'high'"
    assert bye.position.step == 3


def test_a_control_that_the_optimizer_lacks_is_named(served):
    controller, worker = served(params={"optimizer": "rprop"})
    controller.await_welcomed()
    controller.plan(0, 5, run_steps=5, momentum=0.5)
    bye = controller.release()
    assert worker.wait() == 1
    assert (
        bye.message == "the plan sets momentum, but the optimizer Rprop has none: remove it from the controls"
    )


@pytest.mark.parametrize(
    ("task", "params", "message"),
    [
        (f"{TASK}:build", {"fail": "build"}, "the task failed: RuntimeError: the data is not there"),
        (f"{TASK}:build", {"fail": "none"}, f"{TASK}:build must return an absgd_worker.Task, not None"),
        (f"{TASK}:build", {"seed": 1.5}, "the parameter seed must be a whole number from 0 to 2^53, not 1.5"),
        (f"{TASK}:buidl", {}, f"there is no function 'buidl' in {TASK}: did you mean 'build'?"),
        (f"{TASK}:not_a_function", {}, f"'not_a_function' in {TASK} is int, not a function"),
        ("/nowhere/task.py:build", {}, "there is no task file /nowhere/task.py"),
        ("no_such_module:build", {}, "there is no Python module 'no_such_module': install it in this "
         "environment, or name a file, such as task.py:build"),
        ("build", {}, "the task 'build' must be FILE:FUNCTION or MODULE:FUNCTION, such as task.py:build"),
    ],
)  # fmt: skip
def test_a_task_that_cannot_be_built_ends_the_worker_before_hello_with_the_reason_last(
    served, task, params, message
):
    controller, worker = served(task=task, params=params)
    assert worker.wait() == 1
    assert worker.output.splitlines()[-1] == f"absgd worker: {message}"
    controller.poll()
    assert controller.messages == []


def test_a_task_file_with_a_syntax_error_is_told_with_the_line(served, tmp_path):
    file = tmp_path / "broken.py"
    file.write_text("def build(params, context):\n    return Task(\n")
    _, worker = served(task=f"{file}:build")
    assert worker.wait() == 1
    assert f'File "{file}", line 2' in worker.output
    assert (
        worker.output.splitlines()[-1]
        == "absgd worker: the task failed: SyntaxError: '(' was never closed (broken.py, line 2)"
    )


def test_a_task_that_exits_the_process_is_told_not_to(served, tmp_path):
    file = tmp_path / "leaving.py"
    file.write_text("import sys\ndef build(params, context):\n    sys.exit(0)\n")
    _, worker = served(task=f"{file}:build")
    assert worker.wait() == 1
    assert "the task ended the process with sys.exit(0), which a task must not do" in worker.output


def test_an_environment_that_names_no_run_is_refused(served):
    _, worker = served(ABSGD_RUN="", ABSGD_TASK="")
    assert worker.wait() == 1
    assert "ABSGD_RUN, ABSGD_TASK not set" in worker.output


def test_a_tcp_endpoint_is_refused(served):
    _, worker = served(ABSGD_ENDPOINT="tcp://127.0.0.1:5555")
    assert worker.wait() == 1
    assert "ABSGD_ENDPOINT is 'tcp://127.0.0.1:5555': only ipc:// endpoints are served" in worker.output
