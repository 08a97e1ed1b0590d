"""Logistic regression on random points with wrong labels: a task of microseconds a step."""

from __future__ import annotations

from typing import Any

import torch
from absgd_worker import Context, Evaluated, Task
from torch import Tensor, nn

CLASSES = 3


def build(params: dict[str, Any], context: Context) -> Task:
    points = torch.randn(240, 4)
    labels = points[:, :CLASSES].argmax(1)
    wrong = (labels + (torch.rand(240) < params["noise"])) % CLASSES
    model = nn.Linear(4, CLASSES)

    def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        points, labels = batch
        return nn.functional.cross_entropy(model(points), labels, reduction="none")

    def evaluate(model: nn.Module) -> dict[str, Evaluated]:
        predicted = model(points).argmax(1)
        confusion = torch.bincount(labels * CLASSES + predicted, minlength=CLASSES**2)
        accuracy = (predicted == labels).double().mean().item()
        return {
            "val": Evaluated(metrics={"accuracy": accuracy}, confusion=confusion.reshape(CLASSES, CLASSES))
        }

    return Task(
        model=model,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.05),
        data=(points, wrong),
        batch_size=8,
        loss=loss,
        evaluate=evaluate,
        predict=lambda model, batch: model(batch[0]),
        labels=wrong,
        true_labels=labels,
    )
