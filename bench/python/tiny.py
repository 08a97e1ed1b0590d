"""A task that trains in microseconds a step: what is measured is everything around it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from absgd_worker import Context, Task

SAMPLES, CLASSES = 1024, 4


def build(params: dict[str, Any], context: Context) -> Task:
    """One weight, and no more operations than a loss needs. Parameter: `batchSize`."""
    scores, labels = torch.randn(SAMPLES), torch.arange(SAMPLES) % CLASSES
    model = OneWeight()

    return Task(
        model=model,
        optimizer=torch.optim.SGD(model.parameters(), lr=1e-3, foreach=False),
        data=scores,
        batch_size=params["batchSize"],
        loss=lambda model, scores_B: model(scores_B).square(),
        labels=labels,
    )


class OneWeight(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, scores_B: Tensor) -> Tensor:
        return self.weight - scores_B
