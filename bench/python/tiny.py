"""A task that trains in microseconds a step: what is measured is everything around it."""

from __future__ import annotations

from typing import Any

import torch
from absgd_worker import Context, Task
from torch import Tensor

SAMPLES, CLASSES = 1024, 4


def build(params: dict[str, Any], context: Context) -> Task:
    """One weight a class, and no more operations than a loss needs. Parameter: `batchSize`."""
    scores, labels = torch.randn(SAMPLES), torch.arange(SAMPLES) % CLASSES
    model = torch.nn.Linear(1, 1, bias=False)

    def loss(model: torch.nn.Module, scores_B: Tensor) -> Tensor:
        return (model.weight[0] - scores_B).square()

    return Task(
        model=model,
        optimizer=torch.optim.SGD(model.parameters(), lr=1e-3, foreach=False),
        data=scores,
        batch_size=params["batchSize"],
        loss=loss,
        labels=labels,
    )
