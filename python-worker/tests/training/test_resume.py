"""A run that was broken off at a checkpoint and gone on with is, bit for bit, the unbroken run."""

from __future__ import annotations

import hashlib
import struct
from typing import Any

import pytest
import torch

from absgd_worker.gen import session_pb2
from absgd_worker.link.tensor_bytes import tensor_bytes
from worker_process import read_spool

STEPS = 40
# λ moves at every step, so that what the weighing carries over matters. 90 samples in batches of 8: 12 steps
# an epoch.
ROWS = {
    "lambda_": [-5.0 + 0.1 * step for step in range(STEPS)],
    "gamma": 0.6,
    "lr": [0.1 - 0.002 * step for step in range(STEPS)],
}
EVENTS = [(step, "evaluate") for step in (11, 17, 23)] + [
    (16, "checkpoint"),
    (23, "checkpoint"),
    (30, "checkpoint"),
]


def plan(controller, first=0, attempt=1):
    rows = {name: values[first:] if isinstance(values, list) else values for name, values in ROWS.items()}
    events = [event for event in EVENTS if event[0] >= first]
    controller.plan(first, STEPS - first, run_steps=STEPS, attempt=attempt, events=events, **rows)


def train_unbroken(served):
    controller, worker = served(name="unbroken")
    controller.await_welcomed()
    plan(controller)
    controller.release()
    assert worker.wait() == 0
    return controller, worker


def first_checkpoint(controller):
    return controller.until(lambda: controller.bodies("checkpoint_written"), "a checkpoint")[0]


def visible(records, attempts):
    """What the reports say of each step and evaluation; `attempts` gives the first step of each."""
    found: dict[tuple[Any, ...], Any] = {}
    for record in records:
        kind = record.WhichOneof("body")
        body = getattr(record, kind)
        if kind == "step_batch":
            for index in range(body.count):
                columns = {
                    column.name: column.values[8 * index :][:8] for column in (*body.controls, *body.metrics)
                }
                (weighing,) = body.weighings
                for field in ("m", "sum_w", "sum_w2", "sum_wl", "max_w", "mean_loss", "free_energy"):
                    columns[f"weighing.{field}"] = getattr(weighing, field)[8 * index :][:8]
                found[body.attempt, "step", body.first_step + index] = columns
        elif kind == "sample_batch":
            for step in body.steps:
                found[body.attempt, "samples", step.step] = (step.losses, step.weights, step.indices)
        elif kind == "evaluation":
            values = [(metric.name, metric.value) for metric in body.metrics]
            found[body.attempt, "evaluation", body.step, body.split] = (values, body.confusion)
    return {
        key[1:]: value
        for key, value in sorted(found.items(), key=lambda item: item[0][0])
        if all(key[2] < first for attempt, first in attempts.items() if attempt > key[0])
    }


def final_state(worker, attempt):
    state = torch.load(worker.run_dir / "checkpoints" / f"step-{STEPS:09d}.{attempt}.pt", weights_only=True)
    return flatten(
        {key: state[key] for key in ("model", "optimizer", "normalisers", "sampler", "random", "step")}
    )


def flatten(value, name=""):
    if isinstance(value, dict):
        return {key: leaf for part in value for key, leaf in flatten(value[part], f"{name}/{part}").items()}
    if isinstance(value, (list, tuple)):
        return {
            key: leaf
            for part, item in enumerate(value)
            for key, leaf in flatten(item, f"{name}/{part}").items()
        }
    if isinstance(value, torch.Tensor):
        return {name: (value.dtype, tuple(value.shape), tensor_bytes(value))}
    return {name: struct.pack("<d", value) if isinstance(value, float) else value}


# In mid-epoch, at an epoch's end (step 23 is the last of the second), and where the evaluation of that step
# came first.
@pytest.mark.parametrize("position", [17, 24, 31])
def test_a_new_process_that_restores_a_checkpoint_goes_on_bit_for_bit(served, position):
    whole, unbroken = train_unbroken(served)

    first, stopped = served(name="broken")
    first.await_welcomed()
    first.plan(0, position, run_steps=STEPS, events=[event for event in EVENTS if event[0] < position], **{
        name: values[:position] if isinstance(values, list) else values for name, values in ROWS.items()
    })  # fmt: skip
    first.await_phase("WAITING")
    assert first.ask("stop", stop={"checkpoint": True}).step == position
    first.release()
    assert stopped.wait() == 0
    written = first.bodies("checkpoint_written")[-1]

    welcome = {"attempt": 2, "restore_path": written.path, "restore_sha256": written.sha256}
    second, resumed = served(name="broken", welcome=welcome)
    second.await_welcomed()
    plan(second, first=position, attempt=2)
    bye = second.release()
    assert resumed.wait() == 0

    assert (bye.position.attempt, bye.position.step) == (2, STEPS)
    assert second.steps() == [(2, step) for step in range(position, STEPS)]
    assert second.bodies("step_batch")[-1].waits == 0
    records = first.records + second.records
    assert visible(records, {1: 0, 2: position}) == visible(whole.records, {1: 0})
    assert final_state(resumed, 2) == final_state(unbroken, 1)


def test_a_running_worker_that_is_told_to_restore_repeats_what_it_did(served):
    whole, unbroken = train_unbroken(served)
    controller, worker = served(name="rewound")
    controller.await_welcomed()
    # All rows but the last: it stands and waits when it is told to go back.
    controller.plan(0, STEPS - 1, run_steps=STEPS, events=EVENTS, **{
        name: values[:-1] if isinstance(values, list) else values for name, values in ROWS.items()
    })  # fmt: skip
    controller.await_phase("WAITING")
    written = first_checkpoint(controller)
    answer = controller.ask(
        "back", restore={"step": 17, "path": written.path, "sha256": written.sha256, "attempt": 2}
    )
    assert (answer.ok, answer.step) == (True, 17)
    plan(controller, first=17, attempt=2)
    controller.release()
    assert worker.wait() == 0
    # The one before it was told to go back; rows of a new attempt are its start.
    assert controller.bodies("step_batch")[-1].waits == 1
    assert visible(controller.records, {1: 0, 2: 17}) == visible(whole.records, {1: 0})
    assert final_state(worker, 2) == final_state(unbroken, 1)


def test_rows_of_an_earlier_attempt_are_void_after_a_restore(served):
    controller, worker = served()
    controller.await_welcomed()
    controller.plan(0, 20, run_steps=30, lr=0.1, events=[(9, "checkpoint")])
    controller.await_phase("WAITING")
    written = first_checkpoint(controller)
    controller.ask("back", restore={"step": 10, "path": written.path, "sha256": written.sha256, "attempt": 2})
    controller.plan(10, 20, run_steps=30, lr=0.1, attempt=1)
    controller.plan(10, 20, run_steps=30, lr=0.2, attempt=2)
    controller.release()
    assert worker.wait() == 0
    (lrs,) = {
        bytes(column.values)[:8]
        for batch in controller.bodies("step_batch")
        if batch.attempt == 2
        for column in batch.controls
        if column.name == "lr"
    }
    assert struct.unpack("<d", lrs) == (0.2,)


def test_a_checkpoint_that_was_changed_is_refused_and_training_goes_on(served):
    controller, worker = served()
    controller.await_welcomed()
    controller.plan(0, 10, run_steps=20, lr=0.1, events=[(4, "checkpoint")])
    controller.await_phase("WAITING")
    written = first_checkpoint(controller)
    file = worker.run_dir / written.path
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    answer = controller.ask(
        "back", restore={"step": 5, "path": written.path, "sha256": written.sha256, "attempt": 2}
    )
    assert not answer.ok
    assert hashlib.sha256(file.read_bytes()).hexdigest() in answer.message
    assert answer.step == 10
    controller.plan(10, 10, run_steps=20, lr=0.1)
    controller.release()
    assert worker.wait() == 0
    assert controller.steps() == [(1, step) for step in range(20)]


def test_a_checkpoint_of_another_task_fails_the_run_and_names_what_differs(served):
    controller, worker = served(name="other", params={"samples": 60})
    controller.await_welcomed()
    controller.plan(0, 4, run_steps=4, lr=0.1)
    controller.release()
    assert worker.wait() == 0
    written = controller.bodies("checkpoint_written")[0]

    welcome = {
        "attempt": 2,
        "restore_path": str(worker.run_dir / written.path),
        "restore_sha256": written.sha256,
    }
    second, refusing = served(welcome=welcome)
    second.await_welcomed()
    bye = second.release()
    assert refusing.wait() == 1
    assert bye.reason == session_pb2.BYE_REASON_FAILED
    assert bye.message == "the number of training samples is 90, but the checkpoint was written with 60"
    assert bye.message in refusing.output


def test_what_a_process_did_not_get_acknowledged_stays_in_its_spool(served):
    controller, worker = served()
    controller.acknowledge = False
    controller.await_welcomed()
    controller.plan(0, 10, run_steps=20, lr=0.1)
    controller.until(lambda: len(controller.steps()) == 10, "ten reports")
    worker.kill()
    assert [
        record.seq for record in read_spool(worker.run_dir) if record.WhichOneof("body") == "step_batch"
    ] == [record.seq for record in controller.records if record.WhichOneof("body") == "step_batch"]
