"""A training loop that trains as many steps at a time as it is told: in turns with others of its kind.

    steps_in_turns.py SOCKET bare|again|wrap|script

`bare` and `again` are loops without a controller, with ABSGD in three lines. `wrap` has a wrapped criterion,
and `script` knows nothing of ABSGD: both are for a controller.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, TensorDataset

B, SAMPLES, FEATURES, CLASSES = 128, 8192, 256, 10
LAM, GAMMA = 2.0, 0.9
CONNECT_SECONDS = 60.0


class InLine(nn.Module):
    """ABSGD as one writes it into a loop."""

    def __init__(self) -> None:
        super().__init__()
        self.u = torch.zeros(())

    def forward(self, logits_BC: Tensor, labels_B: Tensor) -> Tensor:
        losses_B = cross_entropy(logits_BC, labels_B, reduction="none")
        exponentials_B = torch.exp(losses_B.detach() / LAM)
        self.u = (1 - GAMMA) * self.u + GAMMA * exponentials_B.mean()
        return (exponentials_B / (self.u * B) * losses_B).sum()


class Loop:
    """Model, data and optimizer. `arm`: as of the command line."""

    def __init__(self, width: int, arm: str = "bare") -> None:
        widths = [FEATURES, width, width, width]
        layers = [layer for a, b in pairwise(widths) for layer in (nn.Linear(a, b), nn.ReLU())]
        self.model = nn.Sequential(*layers, nn.Linear(width, CLASSES))
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.01, momentum=0.9)
        data = TensorDataset(torch.randn(SAMPLES, FEATURES), torch.randint(CLASSES, (SAMPLES,)))
        # A batch is read by one look-up.
        sampler = BatchSampler(RandomSampler(data), B, drop_last=True)
        self.loader = DataLoader(data, sampler=sampler, batch_size=None)
        self.criterion: nn.Module = nn.CrossEntropyLoss() if arm == "script" else InLine()
        if arm == "wrap":
            import absgd_worker as absgd  # noqa: PLC0415 - the others must not import it

            self.loader = absgd.track(self.loader)
            self.criterion = absgd.wrap(nn.CrossEntropyLoss())
        self.batches = self._batches()

    def train(self, steps: int) -> None:
        for _ in range(steps):
            points_BF, labels_B = next(self.batches)
            loss = self.criterion(self.model(points_BF), labels_B)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()

    def _batches(self) -> Iterator[list[Tensor]]:
        while True:
            yield from self.loader


def main(address: str, arm: str) -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    with connected(address) as connection, connection.makefile("rw") as lines:
        print(arm, file=lines, flush=True)
        loop = Loop(int(lines.readline()), arm)
        # The line of whoever tells them is empty at the end, or when it is gone.
        while steps := lines.readline().strip():
            seconds, cpu_seconds = time.perf_counter(), time.thread_time()
            loop.train(int(steps))
            spent = time.perf_counter() - seconds, time.thread_time() - cpu_seconds
            print(json.dumps(spent), file=lines, flush=True)


def connected(address: str) -> socket.socket:
    """Waits for the socket, which another process makes."""
    deadline = time.monotonic() + CONNECT_SECONDS
    while True:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(address)
        except OSError:
            connection.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return connection


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
