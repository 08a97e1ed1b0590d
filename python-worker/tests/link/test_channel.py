"""A worker whose controller goes, returns, or refuses it."""

from __future__ import annotations

import os
import signal

from absgd_worker.gen import session_pb2
from fake_controller import FakeController, stream_of
from worker_process import read_spool

SLOW = {"seconds": 0.004}
SOON = {"absgd_worker.link.courier.channel.HELLO_SECONDS": 0.2}
"""A worker introduces itself again sooner than in practice."""


def test_a_worker_without_a_controller_trains_to_the_end_of_its_plan_and_leaves_everything_in_its_spool(
    served,
):
    controller, worker = served(welcome={"orphan_limit_seconds": 0.5}, params=SLOW)
    controller.await_welcomed()
    controller.plan(0, 150, run_steps=1000, lr=0.1)
    controller.until(controller.steps, "the first report")
    controller.close()
    assert worker.wait() == 75
    records = controller.records + read_spool(worker.run_dir)
    by_name = {(stream_of(record), record.seq): record for record in records}
    ordered = [by_name[key] for key in sorted(by_name)]
    for stream in ("steps", "samples"):
        seqs = [record.seq for record in ordered if stream_of(record) == stream]
        assert seqs == list(range(1, len(seqs) + 1))
    batches = [record.step_batch for record in ordered if record.WhichOneof("body") == "step_batch"]
    steps = [batch.first_step + index for batch in batches for index in range(batch.count)]
    assert steps == list(range(150))
    samples = [record.sample_batch for record in ordered if record.WhichOneof("body") == "sample_batch"]
    assert [step.step for batch in samples for step in batch.steps] == list(range(150))
    bye = ordered[[record.WhichOneof("body") for record in ordered].index("bye")].bye
    assert (bye.reason, bye.position.step) == (session_pb2.BYE_REASON_ORPHANED, 150)
    assert (worker.run_dir / "checkpoints" / "step-000000150.1.pt").exists()
    assert "giving up" in worker.output


def test_a_worker_whose_plan_reaches_the_end_of_the_run_completes_without_a_controller(served):
    controller, worker = served(
        welcome={"orphan_limit_seconds": 600.0},
        params=SLOW,
        constants={"absgd_worker.link.command_loop.RELEASE_SECONDS": 0.2},
    )
    controller.await_welcomed()
    controller.plan(0, 100, run_steps=100, lr=0.1)
    controller.until(controller.steps, "the first report")
    controller.close()
    assert worker.wait() == 0
    last = [record for record in read_spool(worker.run_dir) if stream_of(record) == "steps"][-1]
    assert last.bye.reason == session_pb2.BYE_REASON_COMPLETED
    assert last.bye.sent.steps == last.seq


def test_a_new_controller_at_the_same_endpoints_gets_what_the_old_one_did_not_acknowledge(served):
    first, worker = served(params=SLOW, constants=SOON)
    first.acknowledge = False
    hello = first.await_welcomed()
    first.plan(0, 100_000, run_steps=100_000, lr=0.1)
    first.until(lambda: len(first.steps()) > 20, "some reports")
    first.close()
    stood = first.last_progress().position.step

    second = FakeController(first.sockets, welcome=first.welcome)
    try:
        # Its log begins where that of the first one was last acknowledged: at nothing. So do its leases.
        again = second.until(lambda: second.of(session_pb2.Hello), "a fresh Hello")[-1]
        assert again.incarnation == hello.incarnation
        assert again.position.attempt == 1
        assert again.position.step >= stood
        assert again.planned_through == 100_000
        assert second.ask("stop", stop={"checkpoint": False}).ok
        bye = second.release()
        assert worker.wait() == 0
        assert second.steps() == [(1, step) for step in range(bye.position.step)]
        assert [record.seq for record in second.records if stream_of(record) == "samples"] == list(
            range(1, bye.sent.samples + 1)
        )
    finally:
        second.close()
    assert list((worker.run_dir / "spool").iterdir()) == []


def test_training_does_not_stop_for_a_new_lease(served):
    controller, _worker = served(params=SLOW, constants=SOON)
    controller.await_welcomed()
    controller.plan(0, 100_000, run_steps=100_000, lr=0.1)
    controller.until(controller.steps, "the first report")
    said = len(controller.of(session_pb2.Hello))
    controller.lease += 5
    controller.until(lambda: len(controller.of(session_pb2.Hello)) > said, "a fresh Hello")
    seen = controller.steps()[-1][1]
    controller.until(lambda: controller.steps()[-1][1] > seen + 50, "more steps")
    assert controller.bodies("step_batch")[-1].waits == 0
    # Duplicates were dropped and nothing is missing.
    assert controller.steps() == [(1, step) for step in range(len(controller.steps()))]


def test_the_last_word_is_said_again_to_a_controller_that_comes_while_the_worker_leaves(served):
    controller, worker = served(constants=SOON)
    controller.await_welcomed()
    controller.plan(0, 5, run_steps=5, lr=0.1)
    controller.until(lambda: controller.of(session_pb2.Bye), "Bye")
    controller.lease += 5
    controller.until(lambda: len(controller.of(session_pb2.Bye)) == 2, "Bye under the new lease")
    first, second = controller.of(session_pb2.Bye)
    assert second.lease_epoch == controller.lease > first.lease_epoch
    assert second.sent == first.sent
    controller.release()
    assert worker.wait() == 0


def test_what_is_acknowledged_leaves_the_disk_when_the_worker_ends(served):
    controller, worker = served()
    controller.await_welcomed()
    controller.plan(0, 50, run_steps=50, lr=0.1)
    controller.release()
    assert worker.wait() == 0
    assert list((worker.run_dir / "spool").iterdir()) == []


def test_samples_over_the_quota_are_left_out_with_a_gap_and_scalars_are_not(served):
    controller, worker = served(welcome={"sample_quota_bytes": 2_000})
    controller.await_welcomed()
    controller.plan(0, 60, run_steps=60, lr=0.1)
    controller.release()
    assert worker.wait() == 0
    (gap,) = controller.bodies("gap")
    assert gap.reason == gap.REASON_QUOTA
    recorded = [step.step for batch in controller.bodies("sample_batch") for step in batch.steps]
    assert recorded == list(range(gap.first_step))
    assert sum(batch.ByteSize() for batch in controller.bodies("sample_batch")) <= 2_000
    assert controller.steps() == [(1, step) for step in range(60)]


def test_a_refused_worker_shows_the_hint_and_exits_one(served):
    controller, worker = served()
    hint = 'the worker "worker-0" (pid 7) trains this run already'
    reject = session_pb2.Reject(code=session_pb2.REJECT_CODE_LEASE_HELD, hint=hint)
    controller._admit = lambda hello: controller.send(reject=reject)
    controller.until(lambda: controller.of(session_pb2.Hello), "Hello")
    assert worker.wait() == 1
    assert f"the controller refuses this worker: {hint}" in worker.output


def test_parameters_that_differ_from_the_controllers_are_refused_by_name(served):
    controller, worker = served(params={"seed": 1}, welcome={"params_json": '{"seed": 2}'})
    controller.await_welcomed()
    assert worker.wait() == 1
    assert "with other parameters (ABSGD_PARAMS) than the controller's: seed differ" in worker.output


def test_a_frame_that_breaks_a_range_is_dropped_and_told(served):
    controller, worker = served()
    controller.await_welcomed()
    controller.plan(0, 5, run_steps=5, lr=float("nan"))
    controller.plan(0, 5, run_steps=5, lr=0.1)
    controller.release()
    assert worker.wait() == 0
    assert "a message of the controller was dropped: Plan: lr must be in [0, infinity)" in worker.output


def test_hello_is_repeated_until_it_is_answered_and_sigterm_ends_the_wait(served):
    controller, worker = served(constants=SOON)
    controller._admit = lambda hello: None
    controller.until(lambda: len(controller.of(session_pb2.Hello)) == 2, "a second Hello")
    os.kill(worker.pid, signal.SIGTERM)
    assert worker.wait() == 0
    assert "before training began" in worker.output
