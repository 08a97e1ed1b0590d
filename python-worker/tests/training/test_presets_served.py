"""The rule of weights of a Welcome: it is trained by, kept in checkpoints, and never changed under way."""

from __future__ import annotations

import struct

import torch

from absgd_worker.gen import session_pb2
from literal_recurrence import LiteralRecurrence

REFERENCE = session_pb2.Weighting(preset=session_pb2.WEIGHTING_PRESET_REFERENCE, alpha=0.5, floor=True)
PAPER = session_pb2.Weighting(preset=session_pb2.WEIGHTING_PRESET_PAPER)
ROWS = {"lambda_": [200.0] * 5 + [-0.5] * 10 + [-2.0] * 5, "gamma": 0.7, "lr": 0.1}


def test_the_rule_of_the_welcome_weighs_and_a_checkpoint_of_another_rule_is_refused(served):
    controller, worker = served(welcome={"weighting": REFERENCE})
    assert controller.await_welcomed().protocol_minor == 4
    controller.plan(0, 20, run_steps=20, events=[(9, "checkpoint")], **ROWS)
    controller.release()
    assert worker.wait() == 0
    literal = LiteralRecurrence(alpha=0.5, floor=True)
    samples = [step for batch in controller.bodies("sample_batch") for step in batch.steps]
    assert [step.step for step in samples] == list(range(20))
    for step in samples:
        losses, weights = (
            torch.tensor(struct.unpack(f"<{step.n}f", data), dtype=torch.float64)
            for data in (step.losses, step.weights)
        )
        expected = literal.weigh(losses, ROWS["lambda_"][step.step], 0.7)
        torch.testing.assert_close(weights, expected, rtol=1e-6, atol=0)

    written = controller.bodies("checkpoint_written")[0]
    path = str(worker.run_dir / written.path)
    saved = torch.load(path, weights_only=True)["normalisers"]["loss"]
    assert saved["rule"] == "reference, alpha 0.5, floor"

    other, successor = served(
        name="other", welcome={"weighting": PAPER, "restore_path": path, "restore_sha256": written.sha256}
    )
    bye = other.release()
    assert bye.reason == session_pb2.BYE_REASON_FAILED
    assert "one of the rule 'reference, alpha 0.5, floor', this weighing follows 'paper'" in bye.message
    assert successor.wait() == 1


def test_a_welcome_under_another_rule_ends_a_worker_that_trains(served):
    soon = {"absgd_worker.link.courier.channel.HELLO_SECONDS": 0.2}
    controller, worker = served(welcome={"weighting": REFERENCE}, constants=soon)
    controller.await_welcomed()
    controller.plan(0, 10, lambda_=-0.5, gamma=0.7)
    controller.until(lambda: len(controller.steps()) == 10, "ten steps")
    controller.welcome["weighting"] = PAPER
    controller.lease += 1
    controller.until(lambda: not worker.is_alive(), "the worker's end")
    assert worker.wait() == 1
    assert (
        "the controller's rule of weights is 'paper' now, this worker trains by "
        "'reference, alpha 0.5, floor': start a new worker" in worker.output
    )
