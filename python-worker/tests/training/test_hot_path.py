"""The served step on a device waits for nothing, and gives what the step on the CPU gives."""

from __future__ import annotations

import math
from array import array
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from absgd_worker import Task
from absgd_worker.device.reports import DeviceReports
from absgd_worker.link.command_loop import CommandLoop
from absgd_worker.link.courier.step_columns import runs_of, sample_batches, step_batch
from absgd_worker.link.step_entry import StepEntry
from absgd_worker.link.wire.messages import Command, EventKind, Pause, Plan, Reason, StepOn, Stop
from absgd_worker.training.loop import train
from absgd_worker.training.trainer import Trainer
from absgd_worker.weights import Statistics
from fake_device import NoNumberIsRead, OnDevice, StandInCopier, Waited, on_device
from in_one_thread import Served, served_task, train_rows
from sent_telemetry import rows

N, B = 22, 4
ROWS: list[dict[str, float]] = [
    {"lambda": lam, "gamma": gamma, "lr": lr, "class_balance": 0.9, "clip_norm": 5.0}
    for lam, gamma, lr in [
        (math.inf, 0.9, 0.1),
        (2.0, 0.9, 0.1),
        (1.9, 0.9, 0.09),
        (1.9, 0.5, 0.08),
        (-1.0, 0.5, 0.08),
        (-0.4, 1.0, 0.07),
        (-math.inf, 1.0, 0.07),
        (-0.4, 0.3, 0.06),
    ]
] + [{"lambda": -0.5, "gamma": 0.3, "lr": 0.05}] * 8
"""All branches of the rule, with and without a class factor. Every sixth batch has two samples."""


def task_of(*, device: bool, optimizer: Any = torch.optim.SGD, **options: Any) -> tuple[Task, list[Served]]:
    torch.manual_seed(0)
    points, labels = torch.randn(N, 3), torch.randint(3, (N,))
    data = (on_device(points), on_device(labels)) if device else (points, labels)
    model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 3))
    served: list[Served] = []

    def loss(model: nn.Module, batch: Any) -> Tensor:
        losses_B = cross_entropy(model(batch[0]), batch[1], reduction="none")
        served[0].trainer.context.log(largest=losses_B.max(), planned=0.5)
        # One batch counts no sample.
        return losses_B[:0] if served[0].exchange.status.step == 11 else losses_B

    own = optimizer(model.parameters(), lr=0.1, **options)
    task = Task(model=model, optimizer=own, data=data, batch_size=B, loss=loss, labels=labels)
    return task, served


def serve(*, device: bool, copier: StandInCopier | None = None, **options: Any) -> Served:
    task, served = task_of(device=device, **options)
    served.append(served_task(task))
    if copier is not None:
        served[0].trainer.reports = DeviceReports(lambda _device: copier, slots=8)
    return served[0]


def messages_of(entries: list[StepEntry]) -> list[Any]:
    """What the reports become on the wire, but for times."""
    plain = [entry._replace(seconds=0.0) for entry in entries]
    return [
        message
        for run in runs_of(rows(plain))
        for message in (step_batch(run, labels_N=None, num_classes=0), *sample_batches(run))
    ]


@pytest.mark.parametrize(
    "options", [{}, {"momentum": 0.9}, {"optimizer": torch.optim.AdamW, "foreach": False}], ids=str
)
def test_no_step_waits_for_the_device_and_the_reports_are_those_of_the_cpu(options):
    copier = StandInCopier()
    served = serve(device=True, copier=copier, **options)
    # On the CPU, Adam reads its own number of steps.
    adam = "optimizer" in options
    with nullcontext() if adam else NoNumberIsRead():
        found = train_rows(served, ROWS)
    # Without a fired event the ring of 8 slots is full after 8 steps, and the end waits for what is left.
    assert served.trainer.reports.waits > 0

    expected = train_rows(serve(device=False, **options), ROWS)
    assert [entry.step for entry in found] == list(range(len(ROWS)))
    for one, other in zip(found, expected, strict=True):
        assert not any(isinstance(value, OnDevice) for value in one)
        assert one._replace(**BLANK) == other._replace(**BLANK)
        assert type(one.statistics) is type(other.statistics)
        torch.testing.assert_close(one.losses_B, other.losses_B, rtol=1e-6, atol=0)
        torch.testing.assert_close(one.weights_B, other.weights_B, rtol=1e-6, atol=0)
        if isinstance(one.statistics, Statistics) and isinstance(other.statistics, Statistics):
            assert tuple(one.statistics) == pytest.approx(tuple(other.statistics), rel=1e-6, nan_ok=True)
        assert (one.metrics or {}).keys() == (other.metrics or {}).keys()
        assert (one.bare is None) == (other.bare is None)
        assert one.bare is None or one.bare == pytest.approx(other.bare, rel=1e-6, abs=1e-7)
    assert len(messages_of(found)) == len(messages_of(expected))


BLANK: dict[str, Any] = {
    "seconds": 0.0,
    "statistics": None,
    "losses_B": None,
    "weights_B": None,
    "indices_B": None,
    "metrics": None,
    "bare": None,
}


@pytest.mark.parametrize("seed", [0, 1])
def test_two_runs_on_a_device_have_the_same_bits(seed):
    runs = []
    for _ in range(2):
        served = serve(device=True, copier=StandInCopier())
        runs.append((train_rows(served, ROWS[seed:]), [*served.trainer.task.model.parameters()]))
    (one, ours), (other, theirs) = runs
    assert messages_of(one) == messages_of(other)
    assert all(map(torch.equal, ours, theirs))


@pytest.mark.parametrize("method", ["item", "tolist", "cpu", "__bool__", "__float__", "numpy"])
def test_the_stand_in_fails_on_whatever_waits(method, monkeypatch):
    weigh = Trainer.weigh

    def with_reading(self: Trainer, losses_B: Tensor, *given: Any, **named: Any) -> Any:
        getattr(losses_B.sum(), method)()
        return weigh(self, losses_B, *given, **named)

    monkeypatch.setattr(Trainer, "weigh", with_reading)
    with pytest.raises(Waited, match=method):
        train_rows(serve(device=True, copier=StandInCopier()), ROWS)


def test_the_stand_in_fails_on_a_copy_to_the_host_that_waits():
    losses_B, host_B = on_device(torch.ones(4)), torch.empty(4)
    host_B.copy_(losses_B, non_blocking=True)
    with pytest.raises(Waited, match="copy_"):
        host_B.copy_(losses_B)
    with pytest.raises(Waited, match="cpu"):
        losses_B.to("cpu")
    with NoNumberIsRead(), pytest.raises(Waited, match="reads a number"):
        torch.ones(3).mul_(2).add_(torch.ones(3), alpha=torch.ones(()))  # type: ignore[arg-type]


def test_an_evaluation_and_the_records_of_a_step_follow_its_report():
    copier = StandInCopier()
    served = serve(device=True, copier=copier)
    seen: list[int] = []
    outgoing: Any = served.exchange.outgoing
    served.actions.run_events = lambda events: seen.append(len(outgoing))
    train_rows(served, ROWS, {2: [EventKind.EVALUATE], 5: [EventKind.CHECKPOINT]})
    assert seen == [3, 6]


@pytest.mark.parametrize("steps", [2, 3], ids=["a pause", "a row that is not there"])
def test_every_report_is_handed_over_before_training_waits(steps, monkeypatch):
    """A feedback schedule may need these reports for the row that training waits for."""
    served = serve(device=True, copier=StandInCopier())
    exchange = served.exchange
    exchange.plan.begin_attempt(1, 0)
    exchange.plan.add(Plan(0, 1, 1, 0, 3, {"lambda": array("d", [1.0]), "gamma": array("d", [0.9])}))
    seen: list[int] = []
    outgoing: Any = exchange.outgoing

    def look(*_: object) -> bool:
        seen.append(sum(isinstance(item, StepEntry) for item in outgoing))
        if exchange.status.step == steps:
            exchange.inbox.append(Command(0, "stop", Stop(False)))
        return True

    monkeypatch.setattr(exchange, "flush", look)
    monkeypatch.setattr(exchange, "wait", look)
    for number, action in enumerate([Pause(), StepOn(steps)] if steps == 2 else []):
        exchange.inbox.append(Command(0, str(number), action))
    bye = train(served.trainer, exchange, CommandLoop(exchange, served.actions), served.actions)
    assert bye.reason is Reason.STOPPED
    assert seen == ([0, 0, 2, 2] if steps == 2 else [3, 3, 3])
