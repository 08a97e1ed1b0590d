"""A source that keeps what is reported, and a small model with its data."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from absgd_worker.attach.source.recorder import NoRecorder
from absgd_worker.attach.source.source import LocalSource, StopTraining
from absgd_worker.link.step_entry import StepEntry

points = torch.randn(64, 4, generator=torch.Generator().manual_seed(1))


labels = points.argmax(1)


class Recorder(LocalSource, NoRecorder):
    """A control source of constants, and a recorder that keeps the reports in a list."""

    def __init__(self, **controls: float) -> None:
        self.controls = {"lambda": -1.0, "gamma": 0.5, **controls}
        self.entries: list[StepEntry] = []
        self.closed: list[BaseException | None] = []

    def next(self, step: int) -> dict[str, float]:
        if step == 1000:
            raise StopTraining("that is enough")
        return self.controls

    def report(self, entry: StepEntry) -> None:
        self.entries.append(entry)

    def close(self, error: BaseException | None) -> None:
        self.closed.append(error)


def a_model() -> tuple[nn.Linear, torch.optim.Optimizer]:
    torch.manual_seed(0)
    model = nn.Linear(4, 4)
    return model, torch.optim.SGD(model.parameters(), lr=0.1)


def batches(size: int) -> Iterator[Tensor]:
    return iter(torch.arange(64).split(size))
