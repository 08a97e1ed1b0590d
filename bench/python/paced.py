"""A task of 5 ms a step that watches its courier: `courier.json` in the run directory has what it took."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from absgd_worker import Context, Task

B, CLASSES = 128, 10


class Used(NamedTuple):
    at: float
    cpu_seconds: float
    own_bytes: int
    """Memory that is not mapped from a file and not shared."""
    resident_bytes: int


def build(params: dict[str, Any], context: Context) -> Task:
    """Parameters: `samples`, `steps`, and `pace` in seconds a step. The first tenth of the steps is not
    counted."""
    samples, steps, pace = params["samples"], params["steps"], params["pace"]
    labels = torch.arange(samples) % CLASSES
    weight = torch.nn.Parameter(torch.zeros(1))
    model = torch.nn.Module()
    model.register_parameter("weight", weight)
    done = 0
    due = time.monotonic()
    used: list[Used] = []

    def loss(_model: torch.nn.Module, scores_B: Tensor) -> Tensor:
        nonlocal done, due
        done += 1
        if done in (steps // 10, steps):
            used.append(used_by(courier_of(context.run_dir)))
        if done == steps:
            write(context.run_dir / "courier.json", *used)
        due = max(due + pace, time.monotonic() - pace)
        time.sleep(max(0.0, due - time.monotonic()))
        return (weight - scores_B).square()

    return Task(
        model=model,
        optimizer=torch.optim.SGD(model.parameters(), lr=1e-3, foreach=False),
        data=torch.randn(samples),
        batch_size=B,
        loss=loss,
        labels=labels,
        ids=[f"images/{index:08d}.png" for index in range(samples)],
    )


def courier_of(run_dir: Path) -> int:
    (pointer,) = (run_dir / "spool").glob("*.courier.json")
    return json.loads(pointer.read_text())["courier"]["pid"]


def used_by(pid: int) -> Used:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return Used(
        time.monotonic(),
        (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"),
        1024 * int(status["RssAnon"].split()[0]),
        1024 * int(status["VmRSS"].split()[0]),
    )


def write(file: Path, first: Used, last: Used) -> None:
    numbers = {
        "cpu_share": (last.cpu_seconds - first.cpu_seconds) / (last.at - first.at),
        "own_bytes": last.own_bytes,
        "resident_bytes": last.resident_bytes,
    }
    file.write_text(json.dumps(numbers), encoding="utf-8")
