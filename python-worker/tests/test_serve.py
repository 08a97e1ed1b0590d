"""A worker from its start to its exit code, over real sockets, under a controller that does as it is told."""

from __future__ import annotations

import struct
from pathlib import Path

import torch

from absgd_worker.gen import session_pb2
from absgd_worker.link.environment import Address, Settings
from absgd_worker.task.build import build_task
from absgd_worker.task.sampler import permutation
from fake_controller import FakeController, short_directory
from worker_process import TASK, run_interpreter


def doubles(values: bytes) -> tuple[float, ...]:
    return struct.unpack(f"<{len(values) // 8}d", values)


def test_trains_the_whole_plan_from_a_fresh_interpreter_and_exits_zero(tmp_path):
    with short_directory() as sockets:
        controller = FakeController(Path(sockets))
        process = run_interpreter(tmp_path, Path(sockets))
        try:
            hello = controller.await_welcomed()
            controller.plan(0, 50, run_steps=50, lambda_=-2.0, gamma=0.9, lr=0.05)
            bye = controller.release()
            assert process.wait(60) == 0
        finally:
            process.kill()
            controller.close()
    assert (hello.steps_per_epoch, hello.dataset_size, hello.num_classes, hello.batch_size) == (12, 90, 3, 8)
    assert {value.name: value.value for value in hello.initial} == {
        "lr": 0.1,
        "momentum": 0.9,
        "weight_decay": 0.0,
        "class_balance": 0.0,
    }
    assert bye.reason == session_pb2.BYE_REASON_COMPLETED
    assert (bye.position.attempt, bye.position.step) == (1, 50)
    assert controller.steps() == [(1, step) for step in range(50)]
    assert controller.bodies("step_batch")[-1].waits == 0
    output = (tmp_path / "worker.log").read_text()
    assert f"run {tmp_path.name}, task {TASK}:build, cpu, torch {torch.__version__}, 1 thread" in output
    assert "all 50 steps trained" in output


def test_reports_what_each_step_applied_and_what_it_weighed(served):
    controller, worker = served()
    controller.await_welcomed()
    lrs = [0.1, 0.2, 0.3, 0.4]
    controller.plan(
        0, 4, run_steps=4, lambda_=-1.5, gamma=0.5, lr=lrs, momentum=0.8, clip_norm=1.0, temperature=7.0
    )
    controller.release()
    assert worker.wait() == 0
    controls: dict[str, list[float]] = {}
    for batch in controller.bodies("step_batch"):
        for column in batch.controls:
            controls.setdefault(column.name, []).extend(doubles(column.values))
    assert controls == {
        "lambda": [-1.5] * 4,
        "gamma": [0.5] * 4,
        "lr": lrs,
        "momentum": [0.8] * 4,
        "weight_decay": [0.0] * 4,
        "clip_norm": [1.0] * 4,
        "temperature": [7.0] * 4,
    }
    metrics = [column for batch in controller.bodies("step_batch") for column in batch.metrics]
    assert {
        value for column in metrics if column.name == "temperature" for value in doubles(column.values)
    } == {7.0}
    norms = [value for column in metrics if column.name == "norm" for value in doubles(column.values)]
    for step, norm in zip(samples_of(controller), norms, strict=True):
        losses = struct.unpack(f"<{step.n}f", step.losses)
        assert abs(sum(loss * loss for loss in losses) ** 0.5 - norm) < 1e-5


def test_reports_every_sample_once_an_epoch_with_weights_that_add_up_to_the_statistics(served):
    controller, worker = served(params={"samples": 21})
    controller.await_welcomed()
    controller.plan(0, 6, run_steps=6, lambda_=-1.0, gamma=0.9)
    controller.release()
    assert worker.wait() == 0
    samples = samples_of(controller)
    indices = [struct.unpack(f"<{step.n}I", step.indices) for step in samples]
    assert [len(batch) for batch in indices] == [8, 8, 5] * 2
    assert sorted(index for batch in indices[:3] for index in batch) == list(range(21))
    assert sorted(index for batch in indices[3:] for index in batch) == list(range(21))
    assert indices[:3] != indices[3:]
    weighings = [batch.weighings[0] for batch in controller.bodies("step_batch")]
    sums = [value for weighing in weighings for value in doubles(weighing.sum_w)]
    for step, total in zip(samples, sums, strict=True):
        assert abs(sum(struct.unpack(f"<{step.n}f", step.weights)) - total) < 1e-6
    masses = b"".join(weighing.class_mass for weighing in weighings)
    assert len(masses) == 4 * 3 * 6
    for step, mass in zip(samples, struct.iter_unpack("<3f", masses), strict=True):
        by_class = [0.0, 0.0, 0.0]
        for index, weight in zip(
            struct.unpack(f"<{step.n}I", step.indices),
            struct.unpack(f"<{step.n}f", step.weights),
            strict=True,
        ):
            by_class[index % 3] += weight
        assert max(abs(one - other) for one, other in zip(by_class, mass, strict=True)) < 1e-6


def test_describes_the_samples_once_and_records_every_kth_step(served):
    controller, worker = served(welcome={"samples": session_pb2.SampleRecording(every=4)})
    controller.await_welcomed()
    controller.plan(0, 10, run_steps=10, lr=0.1)
    controller.release()
    assert worker.wait() == 0
    (info,) = controller.bodies("sample_info")
    assert (info.first_index, info.count) == (0, 90)
    assert struct.unpack("<90I", info.labels)[:4] == (0, 1, 2, 0)
    assert struct.unpack("<90I", info.true_labels)[:4] == (2, 1, 0, 2)
    assert info.ids[89] == "point-89"
    assert [step.step for step in samples_of(controller)] == [0, 4, 8]


def test_evaluates_and_then_writes_the_checkpoint_after_the_planned_step_and_always_at_the_end(served):
    controller, worker = served()
    controller.await_welcomed()
    controller.plan(
        0, 20, run_steps=20, lr=0.1, events=[(9, "checkpoint"), (9, "evaluate"), (19, "evaluate")]
    )
    controller.release()
    assert worker.wait() == 0
    assert [(body.step, body.split) for body in controller.bodies("evaluation")] == [
        (9, "test"),
        (9, "train"),
        (19, "test"),
        (19, "train"),
    ]
    test = controller.bodies("evaluation")[0]
    confusion = struct.unpack("<9I", test.confusion)
    assert sum(confusion) == 90
    assert abs(test.metrics[0].value - (confusion[0] + confusion[4] + confusion[8]) / 90) < 1e-12
    written = controller.bodies("checkpoint_written")
    assert [body.position.step for body in written] == [10, 20]
    kinds = [record.WhichOneof("body") for record in controller.records]
    assert kinds.index("evaluation") < kinds.index("checkpoint_written")
    assert (worker.run_dir / written[0].path).stat().st_size == written[0].bytes


def test_keeps_as_many_checkpoints_as_it_is_told(served):
    controller, worker = served(welcome={"keep_checkpoints": 2})
    controller.await_welcomed()
    controller.plan(0, 8, run_steps=8, lr=0.1, events=[(step, "checkpoint") for step in (1, 3, 5)])
    controller.release()
    assert worker.wait() == 0
    names = sorted(file.name for file in (worker.run_dir / "checkpoints").iterdir())
    assert names == ["step-000000006.1.pt", "step-000000008.1.pt"]
    deleted = [list(body.deleted) for body in controller.bodies("checkpoint_written")]
    assert deleted == [[], [], ["checkpoints/step-000000002.1.pt"], ["checkpoints/step-000000004.1.pt"]]


def test_a_plan_without_lambda_trains_as_a_plain_loop_would_to_the_last_bit(served, tmp_path):
    controller, worker = served(params={"seed": 5, "batch": 7})
    controller.await_welcomed()
    controller.plan(0, 30, run_steps=30, lr=0.1)
    controller.release()
    assert worker.wait() == 0
    trained = torch.load(worker.run_dir / "checkpoints" / "step-000000030.1.pt", weights_only=True)["model"]

    plain = plain_loop({"seed": 5, "batch": 7}, steps=30)
    for name, value in plain.items():
        assert torch.equal(trained[name], value), name


def plain_loop(params, steps):
    """The same task, trained by a loop that knows nothing of weights."""
    settings = Settings(
        address=Address("ipc:///a", Path("/plain")), task=f"{TASK}:build", worker="w",
        params=params, threads=1,
    )  # fmt: skip
    task, _ = build_task(settings)
    assert isinstance(task.data, tuple)
    indices = torch.stack([permutation(90, params["seed"], epoch) for epoch in range(3)])
    batches = [batch for epoch in indices for batch in epoch.split(7)][:steps]
    for batch in batches:
        loss = task.loss(task.model, tuple(column[batch] for column in task.data)).mean()
        task.optimizer.zero_grad()
        loss.backward()
        task.optimizer.step()
    return task.model.state_dict()


def samples_of(controller):
    return [step for batch in controller.bodies("sample_batch") for step in batch.steps]
