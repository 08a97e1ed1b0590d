"""A served worker with loading processes: exact resume, and no process is left behind, however it ends."""

from __future__ import annotations

import os
import select
import signal
import sys
from pathlib import Path

import pytest
import torch

from absgd_worker.gen import session_pb2
from fake_controller import PATIENCE
from project import TESTS

TASK = f"{TESTS / 'tasks' / 'decoded.py'}:build"
STEPS = 20
ROWS = {"lambda_": -2.0, "gamma": 0.6, "lr": 0.05}

only_linux = pytest.mark.skipif(
    sys.platform != "linux", reason="looks into /proc, or holds a process by a file"
)


def serve(served, *, name="run", workers=4, welcome=None, **params):
    controller, worker = served(
        name=name, task=TASK, params={"workers": workers, **params}, welcome=welcome or {}
    )
    controller.await_welcomed()
    return controller, worker


def unbroken(served):
    controller, worker = serve(served, name="unbroken", workers=0)
    controller.plan(0, STEPS, run_steps=STEPS, **ROWS)
    controller.release()
    assert worker.wait() == 0
    return samples_of(controller), final_state(worker, 1)


def samples_of(*controllers):
    """Losses, weights and indices of every step; of later attempts where a step was trained again."""
    found = {}
    for controller in controllers:
        for batch in controller.bodies("sample_batch"):
            for step in batch.steps:
                found[step.step] = (step.losses, step.weights, step.indices)
    return found


def final_state(worker, attempt):
    state = torch.load(worker.run_dir / "checkpoints" / f"step-{STEPS:09d}.{attempt}.pt", weights_only=True)
    tensors = [*state["model"].values(), state["random"]["torch"]]
    return state["sampler"], state["random"]["python"], [tensor.tolist() for tensor in tensors]


def readers(worker, folder="readers") -> list[int]:
    """The processes that have read samples; with "stuck", the one that is held up by a sample."""
    return sorted(int(file.name) for file in (worker.run_dir / folder).iterdir())


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_run_that_is_stopped_in_mid_epoch_goes_on_bit_for_bit(served):
    expected = unbroken(served)
    first, stopped = serve(served, name="broken")
    first.plan(0, 11, run_steps=STEPS, **ROWS)
    first.await_phase("WAITING")
    assert first.ask("stop", stop={"checkpoint": True}).step == 11
    first.release()
    assert stopped.wait() == 0
    written = first.bodies("checkpoint_written")[-1]
    assert torch.load(stopped.run_dir / written.path, weights_only=True)["sampler"]["consumed"] == 42

    welcome = {"attempt": 2, "restore_path": written.path, "restore_sha256": written.sha256}
    second, resumed = serve(served, name="broken", welcome=welcome)
    second.plan(11, STEPS - 11, run_steps=STEPS, attempt=2, **ROWS)
    second.release()
    assert resumed.wait() == 0
    assert (samples_of(first, second), final_state(resumed, 2)) == expected


def test_a_running_worker_that_is_told_to_restore_drops_what_it_read_ahead(served):
    expected = unbroken(served)
    controller, worker = serve(served, name="rewound")
    controller.plan(0, STEPS - 1, run_steps=STEPS, events=[(5, "checkpoint")], **ROWS)
    controller.await_phase("WAITING")
    written = controller.until(lambda: controller.bodies("checkpoint_written"), "a checkpoint")[0]
    before = readers(worker)
    answer = controller.ask(
        "back", restore={"step": 6, "path": written.path, "sha256": written.sha256, "attempt": 2}
    )
    assert (answer.ok, answer.step) == (True, 6)
    controller.plan(6, STEPS - 6, run_steps=STEPS, attempt=2, **ROWS)
    controller.release()
    assert worker.wait() == 0
    assert (samples_of(controller), final_state(worker, 2)) == expected
    # The processes are used again, and none is left.
    assert readers(worker) == before
    assert not any(map(is_alive, before))


def test_a_sample_that_cannot_be_read_fails_the_run_with_its_traceback_and_leaves_no_process(served):
    controller, worker = serve(served, raising=7)
    controller.plan(0, STEPS, run_steps=STEPS, **ROWS)
    bye = controller.release()
    assert worker.wait() == 1
    assert bye.reason == session_pb2.BYE_REASON_FAILED
    assert bye.message.startswith("sample 7 cannot be read: OSError: 7.png is truncated")
    assert "in __getitem__" in bye.traceback
    assert bye.traceback.rstrip() in worker.output
    assert not any(map(is_alive, readers(worker)))


def test_a_loading_process_that_is_killed_fails_the_run_and_is_named(served):
    controller, worker = serve(served)
    controller.plan(0, 8, run_steps=STEPS, **ROWS)
    controller.await_phase("WAITING")
    os.kill(readers(worker)[0], signal.SIGKILL)
    controller.plan(8, STEPS - 8, run_steps=STEPS, **ROWS)
    bye = controller.release()
    assert worker.wait() == 1
    assert bye.reason == session_pb2.BYE_REASON_FAILED
    assert bye.message.startswith(f"a loading process (pid {readers(worker)[0]}) was killed by SIGKILL: the ")
    assert not any(map(is_alive, readers(worker)))


def test_a_sigterm_to_all_processes_of_the_worker_writes_a_checkpoint_and_leaves_no_process(served):
    controller, worker = serve(served)
    controller.plan(0, 8, run_steps=STEPS, **ROWS)
    controller.await_phase("WAITING")
    os.killpg(worker.pid, signal.SIGTERM)
    bye = controller.release()
    assert worker.wait() == 0
    assert bye.reason == session_pb2.BYE_REASON_STOPPED
    assert controller.bodies("checkpoint_written")[-1].position.step == 8
    assert not any(map(is_alive, readers(worker)))


@only_linux
def test_the_loading_processes_of_a_worker_that_is_killed_end_even_in_the_middle_of_a_sample(served):
    controller, worker = serve(served, stuck=7)
    controller.plan(0, STEPS, run_steps=STEPS, **ROWS)
    controller.until(lambda: readers(worker, "stuck"), "the sample")
    held = {pid: os.pidfd_open(pid) for pid in readers(worker)}
    try:
        worker.kill()
        for descriptor in held.values():
            assert select.select([descriptor], [], [], PATIENCE)[0]
    finally:
        for pid, descriptor in held.items():
            os.close(descriptor)
            if is_alive(pid):
                os.kill(pid, signal.SIGKILL)


@only_linux
def test_a_loading_process_has_none_of_the_sockets_of_the_worker(served):
    controller, worker = serve(served)
    controller.plan(0, 8, run_steps=STEPS, **ROWS)
    controller.await_phase("WAITING")
    sockets = sockets_of(controller.await_welcomed().courier_pid)
    assert sockets
    assert not any(sockets & sockets_of(pid) for pid in (worker.pid, *readers(worker)))
    controller.command("stop", stop={})
    controller.release()
    assert worker.wait() == 0


def sockets_of(pid: int) -> set[str]:
    targets = [os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()]
    return {target for target in targets if target.startswith("socket:")}
