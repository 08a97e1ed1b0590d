"""What two loading processes gain: a served task against a plain loop over torch's DataLoader.

A block is one epoch of either, with loading processes or without; the blocks of a round are in random order.

usage: loading.py ROUNDS
"""

from __future__ import annotations

import multiprocessing
import sys
import time
import zlib
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from timing import interleaved, median_gain_ratio, median_ratio, report
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Dataset

from absgd_worker import Task
from absgd_worker.link.command_loop import CommandLoop
from absgd_worker.link.exchange import Exchange, FromTraining
from absgd_worker.link.plan_table import Row
from absgd_worker.link.wire.messages import Position, Reason
from absgd_worker.task.context import Context
from absgd_worker.training.actions import Actions
from absgd_worker.training.loop import train
from absgd_worker.training.trainer import Trainer

B, SAMPLES, FEATURES, CLASSES = 8, 64, 64, 10
WORKERS = 2
DECODE_SECONDS = 0.005
CONTROLS = {"lambda": 2.0, "gamma": 0.9, "lr": 0.01}


class Encoded(Dataset[tuple[Tensor, int]]):
    """Samples that take `DECODE_SECONDS` of CPU to decode, while decoding is on."""

    def __init__(self) -> None:
        self._points = torch.randn(SAMPLES, FEATURES)
        self._packed = zlib.compress(torch.randint(256, (1 << 14,), dtype=torch.uint8).numpy().tobytes())
        # In shared memory: the loading processes see it change.
        self.is_on = multiprocessing.RawValue("b", 1)
        self._times = round(DECODE_SECONDS / self._seconds_of(4000) * 4000)
        self.seconds = self._seconds_of(self._times)

    def __len__(self) -> int:
        return SAMPLES

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        if self.is_on.value:
            self._decode(self._times)
        return self._points[index], index % CLASSES

    def _decode(self, times: int) -> None:
        for _ in range(times):
            zlib.decompress(self._packed)

    def _seconds_of(self, times: int) -> float:
        began = time.thread_time()
        self._decode(times)
        return time.thread_time() - began


class GivenRows(CommandLoop):
    """Has a number of rows in place of a plan, and no commands."""

    left = 0

    def next_row(self) -> Row | None:
        if not self.left:
            self.end(Reason.STOPPED)
            return None
        self.left -= 1
        return Row(CONTROLS, ())


def model_and_optimizer() -> tuple[nn.Module, torch.optim.Optimizer]:
    model = nn.Sequential(nn.Linear(FEATURES, 64), nn.ReLU(), nn.Linear(64, CLASSES))
    return model, torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)


def losses(model: nn.Module, batch: Any) -> Tensor:
    return cross_entropy(model(batch[0]), batch[1], reduction="none")


def plain_epoch(data: Encoded, num_workers: int) -> Callable[[], None]:
    """An epoch of a loop without ABSGD. All that its processes read is trained on before it ends."""
    model, optimizer = model_and_optimizer()
    loader = DataLoader(
        data, batch_size=B, shuffle=True, num_workers=num_workers, persistent_workers=num_workers > 0
    )

    def epoch() -> None:
        for batch in loader:
            optimizer.zero_grad(set_to_none=True)
            losses(model, batch).mean().backward()
            optimizer.step()

    return epoch


def served_epoch(data: Encoded, num_workers: int, stack: ExitStack) -> Callable[[], None]:
    """An epoch of the served loop, without a controller. It begins with nothing read ahead."""
    model, optimizer = model_and_optimizer()
    task = Task(
        model=model, optimizer=optimizer, data=data, batch_size=B, loss=losses, num_workers=num_workers
    )
    exchange = Exchange()
    exchange.outgoing = outgoing = deque[FromTraining]()
    exchange.status.position = Position(1, 0)
    context = Context(run="", run_dir=Path(), params={}, seed=0, device=torch.device("cpu"))
    trainer = Trainer(task, context)
    stack.callback(trainer.close)
    actions = Actions(trainer, exchange, Path(), seed=0)

    def epoch() -> None:
        # Another position than the next: what was read ahead, while nothing was decoded, is dropped.
        trainer.sampler.consumed += SAMPLES
        commands = GivenRows(exchange, actions)
        commands.left = SAMPLES // B
        train(trainer, exchange, commands, actions)
        outgoing.clear()

    return epoch


def decoding(data: Encoded, epoch: Callable[[], None]) -> Callable[[], None]:
    """Decodes in this epoch only: what is read ahead beyond its end takes nothing from the next block."""

    def call() -> None:
        data.is_on.value = 1
        epoch()
        data.is_on.value = 0

    return call


def main() -> None:
    torch.set_num_threads(1)
    rounds = int(sys.argv[1])
    data = Encoded()
    with ExitStack() as stack:
        arms = {}
        for workers in (0, WORKERS):
            arms[f"plain_{workers}"] = decoding(data, plain_epoch(data, workers))
            arms[f"served_{workers}"] = decoding(data, served_epoch(data, workers, stack))
        seconds = interleaved(arms, rounds=rounds, calls=1, clock=time.perf_counter)
    report(
        decode_ms=1e3 * data.seconds,
        ratio=median_gain_ratio(
            (seconds["served_0"], seconds["served_2"]), (seconds["plain_0"], seconds["plain_2"])
        ),
        served_gain=median_ratio(seconds["served_0"], seconds["served_2"]),
        plain_gain=median_ratio(seconds["plain_0"], seconds["plain_2"]),
        unaided=median_ratio(seconds["served_0"], seconds["plain_0"]),
    )


if __name__ == "__main__":
    main()
