"""Weighing keeps nothing of earlier steps. Run as a script, this file is the process that is measured."""

from __future__ import annotations

import ctypes
import gc
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from absgd_worker.weights import Normaliser, weighted_loss
from project import SOURCE, TESTS
from warm_interpreter import run_python


class Growth(NamedTuple):
    """What a process has more of after many steps than after few."""

    allocated: int
    """Bytes that malloc has given out; resident bytes where malloc cannot be asked."""
    blocks: int
    """Blocks of Python's own allocator."""
    tensors: int


def grown(step, few: int, many: int) -> Growth:
    torch.set_num_threads(1)
    parameter = torch.ones(128, requires_grad=True)

    def run(count: int) -> Growth:
        for _ in range(count):
            parameter.grad = None
            step(parameter.square()).backward()
        gc.collect()
        tensors = sum(issubclass(type(entry), Tensor) for entry in gc.get_objects())
        return Growth(allocated_bytes(), sys.getallocatedblocks(), tensors)

    before, after = run(few), run(many - few)
    return Growth(*(b - a for a, b in zip(before, after, strict=True)))


class MallocInfo(ctypes.Structure):
    """mallinfo2 of glibc."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in [
            "arena",
            "ordblks",
            "smblks",
            "hblks",
            "hblkhd",
            "usmblks",
            "fsmblks",
            "uordblks",
            "fordblks",
            "keepcost",
        ]
    )


def allocated_bytes() -> int:
    mallinfo = getattr(ctypes.CDLL(None), "mallinfo2", None)
    if mallinfo is not None:
        mallinfo.restype = MallocInfo
        return mallinfo().uordblks
    return resident_bytes()


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


def measure(path: str, few: int, many: int) -> Growth:
    helpers = TESTS / "helpers"
    done = run_python(
        *(__file__, path, str(few), str(many)),
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (SOURCE, helpers, helpers / "processes")))},
        check=True,
    )
    return Growth(*map(int, done.stdout.split()))


@pytest.mark.parametrize(("path", "few", "many"), [("host", 200, 1000), ("device", 100, 400)])
def test_memory_stays_flat(path, few, many):
    growth = measure(path, few, many)
    assert growth.allocated <= 20_000
    assert growth.blocks <= 200
    assert growth.tensors == 0


def test_the_measure_sees_a_graph_that_is_kept():
    assert measure("attached", 100, 600).allocated > 100_000


if __name__ == "__main__":
    steps = {"host": lambda: rule(False), "device": lambda: rule(True), "attached": attached}
    print(*grown(steps[sys.argv[1]](), int(sys.argv[2]), int(sys.argv[3])))
