"""Steps as telemetry, and what it sent."""

from __future__ import annotations

import torch
from torch import nn

from absgd_worker import Task
from absgd_worker.gen import record_pb2
from absgd_worker.link.courier.telemetry import Telemetry
from absgd_worker.link.step_entry import StepEntry
from absgd_worker.weights import Normaliser

SIZE = 6


def task():
    model = nn.Linear(1, 1)
    return Task(
        model=model,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
        data=torch.zeros(100, 1),
        batch_size=SIZE,
        loss=lambda model, batch: model(batch)[:, 0],
        labels=torch.arange(100) % 4,
    )


def entry(step, *, attempt=1, keep=True, metrics=None, controls=None, on_device=False):
    losses = torch.linspace(0.0, 1.0 + step, SIZE)
    weights, statistics = Normaliser(on_device=on_device).weigh(losses, lam=1.0, gamma=1.0)
    indices = torch.arange(step, step + SIZE)
    return StepEntry(
        attempt,
        step,
        0.25,
        3,
        controls or {"lambda": 1.0},
        statistics,
        losses,
        weights,
        indices,
        keep,
        metrics,
    )


def telemetry(tmp_path, **options):
    return Telemetry(task(), origin="worker-0", incarnation=5, directory=tmp_path, **options)


def sent(made):
    records = []
    while (frame := made.next_frame()) is not None:
        records.append(record_pb2.Record.FromString(frame))
        made.advance()
    return records


def bodies(records):
    return [record.WhichOneof("body") for record in records]
