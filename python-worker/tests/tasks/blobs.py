"""A tiny task for the tests of the served loop: three clouds of points in a plane, a network with dropout.

Params: `seed`, `samples`, `batch`, `drop_last`, `optimizer`, `predict` (whether it can), `labels` (whether it
gives them), `rare` (whether the first classes are), `fail` (how to misbehave), `seconds` (a step).
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from typing import Any, cast

import torch
from torch import nn
from torch.nn import functional as F

from absgd_worker import Evaluated, Task

CLASSES = 3


def build(params, context):
    torch.set_num_threads(1)
    samples = params.get("samples", 90)
    labels = torch.arange(samples) % CLASSES
    if params.get("rare"):
        labels = (torch.arange(samples) % 10).clamp(max=CLASSES - 1)
    points = torch.randn(samples, 2) + 2.0 * F.one_hot(labels, CLASSES)[:, :2]
    model = nn.Sequential(
        nn.Linear(2, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, CLASSES)
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    if params.get("optimizer") == "rprop":
        optimizer = torch.optim.Rprop(model.parameters(), lr=0.1)
    fail = params.get("fail", "")
    if fail == "build":
        raise RuntimeError("the data is not there")
    if fail == "none":
        return None

    def loss(model, batch):
        points_B, labels_B = batch
        if params.get("seconds"):
            time.sleep(params["seconds"])
        # Python's random numbers are part of training here, as augmentation would have them.
        logits_B = model(points_B + 0.01 * random.random())
        losses_B = F.cross_entropy(logits_B, labels_B, reduction="none")
        context.log(norm=losses_B.detach().norm(), temperature=context.control("temperature", 1.0))
        if fail == "mean":
            return losses_B.mean()
        if fail == "step":
            raise KeyError("a bug in the task")
        return losses_B

    def evaluate(model):
        if fail == "evaluate":
            return cast("Any", {"test": {"accuracy": "high"}})
        if fail == "evaluate-raises":
            raise KeyError("a bug in evaluate")
        if fail == "evaluate-exits":
            sys.exit(3)
        # Uses random numbers on purpose: training must not notice.
        _ = torch.randn(3), random.random()
        predicted = model(points).argmax(1)
        counts = torch.bincount(labels * CLASSES + predicted, minlength=CLASSES**2).reshape(CLASSES, CLASSES)
        accuracy = (predicted == labels).double().mean().item()
        return {
            "test": Evaluated(metrics={"accuracy": accuracy}, confusion=counts),
            "train": {"accuracy": accuracy},
        }

    def predict(model, batch):
        # Uses random numbers on purpose, as above.
        _ = torch.randn(3), random.random()
        if fail == "predict":
            raise KeyError("a bug in predict")
        if fail == "predict-dies":
            os.kill(os.getpid(), signal.SIGKILL)
        return model(batch[0])

    return Task(
        model=model,
        optimizer=optimizer,
        data=(points, labels),
        batch_size=params.get("batch", 8),
        loss=loss,
        evaluate=evaluate,
        predict=predict if params.get("predict") else None,
        labels=labels if params.get("labels", True) else None,
        true_labels=labels.flip(0),
        ids=[f"point-{index}" for index in range(samples)],
        drop_last=params.get("drop_last", False),
    )


not_a_function = 3
