"""A task whose samples and batches are made with random numbers, and whose model uses random numbers too."""

from __future__ import annotations

import os
import random
import sys
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset, default_collate

from absgd_worker import Task
from in_one_thread import Served, served_task

ROW = {"lambda": -2.0, "gamma": 0.9, "lr": 0.01}


class Augmented(Dataset):
    """N samples: each its index, a random number of Python, of torch and of numpy, and a class.

    `raising` raise, `leaving` exit their process, `dying` kill it with the signal given.
    """

    def __init__(self, size, *, raising=(), none=(), leaving=(), dying=()):
        self.size, self.raising, self.none = size, set(raising), set(none)
        self.leaving, self.dying = set(leaving), dict(dying)

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        if index in self.raising:
            raise OSError(f"cannot identify image file {index}.png")
        if index in self.leaving:
            sys.exit(3)
        if index in self.dying:
            os.kill(os.getpid(), self.dying[index])
        if index in self.none:
            return None
        numbers = [index / self.size, random.random(), torch.rand(()).item(), float(np.random.rand())]
        return torch.tensor(numbers, dtype=torch.float64), index % 3


def mixed(samples):
    """A collate that needs random numbers of its own."""
    points_B, labels_B = default_collate(samples)
    share = random.random() * torch.rand((), dtype=torch.float64)
    return points_B + share * points_B.roll(1, 0), labels_B


def task_of(data: Augmented, seen: list[Any] | None = None, **changes: Any) -> Task:
    """`seen` collects the points of every batch."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.3), nn.Linear(8, 3)).double()

    def loss(model, batch):
        if seen is not None:
            seen.append(batch[0].clone())
        return nn.functional.cross_entropy(model(batch[0]), batch[1], reduction="none")

    options: dict[str, Any] = {"batch_size": 4, "loss": loss, **changes}
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    return Task(model=model, optimizer=optimizer, data=data, **options)


def served_of(task: Task) -> Served:
    return served_task(task, seed=3)


def state_of(served: Served) -> list[Any]:
    """What training has made: the parameters, and the random states that the next step begins with."""
    parameters = [parameter.detach().clone() for parameter in served.trainer.task.model.parameters()]
    return [*parameters, torch.get_rng_state(), random.random(), float(np.random.rand())]


def same(these: list[Any], those: list[Any]) -> bool:
    return len(these) == len(those) and all(
        torch.equal(this, that) if isinstance(this, torch.Tensor) else this == that
        for this, that in zip(these, those, strict=True)
    )
