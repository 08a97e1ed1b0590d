"""Weighing keeps nothing of the steps behind it. Run as a script, this file is what is measured."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from absgd_worker.weights import Normaliser, weighted_loss
from project import SOURCE


def grown(step, few: int, many: int) -> str:
    """Bytes of this process, and live tensors, that came between `few` and `many` steps."""
    torch.set_num_threads(1)
    parameter = torch.ones(128, requires_grad=True)

    def run(count: int) -> tuple[int, int]:
        for _ in range(count):
            parameter.grad = None
            step(parameter.square()).backward()
        gc.collect()
        tensors = sum(issubclass(type(entry), Tensor) for entry in gc.get_objects())
        return resident_bytes(), tensors

    bytes_before, tensors_before = run(few)
    bytes_after, tensors_after = run(many - few)
    return f"{bytes_after - bytes_before} {tensors_after - tensors_before}"


def resident_bytes() -> int:
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    printed = subprocess.run(["ps", "-o", "rss=", "-p", str(os.getpid())], capture_output=True, check=True)
    return int(printed.stdout) * 1024


def rule(on_device: bool):
    normaliser = Normaliser(on_device=on_device)
    return lambda losses_B: weighted_loss(losses_B, normaliser.weigh(losses_B, lam=-1.0, gamma=0.9).weights_B)


def attached():
    """A normaliser that is not detached keeps the graph of every step: what the measure must see."""
    mean = torch.zeros(())

    def step(losses_B: Tensor) -> Tensor:
        nonlocal mean
        mean = 0.1 * mean + 0.9 * losses_B.exp().mean()
        return (losses_B.exp() / mean.detach() / 128 * losses_B).sum()

    return step


def measure(*arguments: str) -> tuple[int, int]:
    source = str(SOURCE)
    process = subprocess.run(
        [sys.executable, __file__, *arguments],
        env=os.environ | {"PYTHONPATH": source},
        capture_output=True,
        text=True,
        check=True,
    )
    size, tensors = process.stdout.split()
    return int(size), int(tensors)


@pytest.mark.parametrize(("path", "few", "many"), [("host", "2000", "20000"), ("device", "500", "3000")])
def test_memory_stays_flat(path, few, many):
    size, tensors = measure(path, few, many)
    assert size <= 1_000_000
    assert tensors == 0


def test_the_measure_sees_a_graph_that_is_kept():
    size, _ = measure("attached", "500", "3000")
    assert size > 1_000_000


if __name__ == "__main__":
    steps = {"host": lambda: rule(False), "device": lambda: rule(True), "attached": attached}
    print(grown(steps[sys.argv[1]](), int(sys.argv[2]), int(sys.argv[3])))
