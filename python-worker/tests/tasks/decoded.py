"""A task whose samples are read one by one, with random numbers, in loading processes if it is told to.

Params: `seed`, `samples`, `workers`, `raising` (the index of a sample that cannot be read), `stuck` (the
index of one that is never read to its end). Every process that reads samples leaves a file with its pid as
name in `readers` of the run directory, and in `stuck` if it has come to that sample.
"""

from __future__ import annotations

import os
import random
import signal

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import Dataset

from absgd_worker import Task


class Decoded(Dataset):
    def __init__(self, params, run_dir):
        self._size = params.get("samples", 30)
        self._raising, self._stuck = params.get("raising"), params.get("stuck")
        self._run_dir = run_dir
        for name in ("readers", "stuck"):
            (run_dir / name).mkdir(exist_ok=True)

    def __len__(self):
        return self._size

    def __getitem__(self, index):
        (self._run_dir / "readers" / str(os.getpid())).touch()
        if index == self._stuck:
            (self._run_dir / "stuck" / str(os.getpid())).touch()
            while True:
                signal.pause()
        if index == self._raising:
            raise OSError(f"{index}.png is truncated")
        return torch.tensor([index / self._size, random.random(), torch.rand(()).item()]), index % 3


def build(params, context):
    model = nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.2), nn.Linear(8, 3))
    return Task(
        model=model,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9),
        data=Decoded(params, context.run_dir),
        batch_size=4,
        loss=lambda model, batch: cross_entropy(model(batch[0]), batch[1], reduction="none"),
        num_workers=params.get("workers", 0),
    )
