"""A small task on which every source of chance has a say: data order, dropout, own numbers, evaluation."""

from __future__ import annotations

import hashlib
import random
import time
from typing import Any

import torch
from torch import Tensor, nn

from absgd_worker import Context, Evaluated, Task

SAMPLES, CLASSES = 500, 3


def build(params: dict[str, Any], context: Context) -> Task:
    """Logistic regression on random points, one label in five wrong. Parameters: `batchSize`, `pace` (s)."""
    torch.use_deterministic_algorithms(True)
    points = torch.randn(SAMPLES, 6)
    labels = points[:, :CLASSES].argmax(1)
    wrong = (labels + (torch.arange(SAMPLES) % 5 == 0)) % CLASSES
    model = nn.Sequential(nn.Linear(6, CLASSES), nn.Dropout(0.1))

    def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        time.sleep(params["pace"])
        points_B, labels_B = batch
        context.log(noise=random.random())
        return nn.functional.cross_entropy(model(points_B), labels_B, reduction="none")

    def evaluate(model: nn.Module) -> dict[str, Evaluated]:
        torch.rand(7)
        accuracy = (model(points).argmax(1) == labels).double().mean().item()
        return {"val": Evaluated(metrics={"accuracy": accuracy, "fingerprint": fingerprint(model)})}

    return Task(
        model=model,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9),
        data=(points, wrong),
        batch_size=params["batchSize"],
        loss=loss,
        evaluate=evaluate,
        labels=wrong,
        true_labels=labels,
    )


def fingerprint(model: nn.Module) -> float:
    """48 bits of a hash of every parameter: equal for models that are bit-identical."""
    digest = hashlib.sha256()
    for tensor in model.state_dict().values():
        digest.update(bytes(tensor.contiguous().view(torch.uint8).flatten().tolist()))
    return float(int.from_bytes(digest.digest()[:6], "big"))
