"""A task whose samples are their own numbers."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from absgd_worker import Task
from absgd_worker.task.sampler import permutation
from in_one_thread import served_task

ROW = {"lambda": -2.0, "gamma": 0.9, "lr": 0.01}


class Numbers:
    """N samples, each its own index; some raise, some are None, some are blank, which collate alone sees."""

    def __init__(self, size, raising=(), none=(), blank=()):
        self.size, self.raising, self.none, self.blank = size, set(raising), set(none), set(blank)

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        if index in self.raising:
            raise OSError(f"cannot identify image file {index}.png")
        if index in self.none:
            return None
        return torch.tensor([float(index), 1.0]), -1 if index in self.blank else index % 3


def task_of(data, notes=None, **changes):
    torch.manual_seed(0)
    model = nn.Linear(2, 3)

    def loss(model, batch):
        if notes is not None:
            notes.append(batch[0][:, 0].long().tolist())
        logits_B = model(batch[0] / data.size)
        return nn.functional.cross_entropy(logits_B, batch[1], reduction="none")

    options: dict[str, Any] = {"batch_size": 4, "loss": loss, "on_bad_sample": "skip", **changes}
    return Task(
        model=model, optimizer=torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9), data=data, **options
    )


def served_of(task):
    return served_task(task, seed=3)


def drawn_of(entry, size, batch_size):
    """Which samples the step draws, good or bad: the sampler's order is a function of seed and epoch."""
    per_epoch = -(-size // batch_size)
    epoch, place = divmod(entry.step, per_epoch)
    return permutation(size, 3, epoch)[place * batch_size : (place + 1) * batch_size].tolist()


def bits(served):
    return [parameter.detach().clone() for parameter in served.trainer.task.model.parameters()]
