"""A task whose worker trains controlled steps and bare ones in turn, the same model on the same data.

The bare loop draws its batches and weighs its losses in line, as one writes it without a controller.
`overhead.json` in the run directory says what either arm took.
"""

from __future__ import annotations

import json
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from alternation import Alternation, Spent, alternating_commands
from timing import mean_difference, mean_ratio, median_ratio
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from absgd_worker import Context, Task
from absgd_worker.training import served_run

B, SAMPLES, FEATURES, CLASSES = 128, 8192, 256, 10
LAM, GAMMA = 2.0, 0.9
WARM_UP = 5


def build(params: dict[str, Any], context: Context) -> Task:
    """Parameters: `blocks` of `blockSteps` steps an arm, beside the first; `stepSeconds` of a bare one."""
    points, labels = torch.randn(SAMPLES, FEATURES), torch.randint(CLASSES, (SAMPLES,))
    width = _fitting_width(points, labels, params["stepSeconds"])
    model = _model(width)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    bare = BareLoop(model, optimizer, points, labels)

    def finish(controlled: list[Spent], bare_blocks: list[Spent]) -> None:
        _write(context.run_dir / "overhead.json", controlled, bare_blocks, steps=params["blockSteps"])

    alternation = Alternation(
        bare.step,
        finish,
        size=params["blockSteps"],
        blocks=params["blocks"] + WARM_UP,
        warm_up=WARM_UP,
    )
    # The served run makes its command loop of this class.
    vars(served_run).update(CommandLoop=alternating_commands(alternation))
    return Task(
        model=model,
        optimizer=optimizer,
        data=(points, labels),
        batch_size=B,
        loss=lambda model, batch: cross_entropy(model(batch[0]), batch[1], reduction="none"),
        labels=labels,
    )


class BareLoop:
    """A training loop without a controller."""

    def __init__(
        self, model: nn.Module, optimizer: torch.optim.Optimizer, points: Tensor, labels: Tensor
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self._points = points
        self._labels = labels
        self._order = torch.randperm(SAMPLES)
        self._start = 0
        self._u = torch.zeros(())

    def step(self) -> None:
        points_B, labels_B = self.batch()
        losses_B = cross_entropy(self.model(points_B), labels_B, reduction="none")
        loss = self.weighted(losses_B)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()

    def batch(self) -> tuple[Tensor, Tensor]:
        indices_B = self._order[self._start : self._start + B]
        self._start += B
        if self._start >= SAMPLES:
            self._order, self._start = torch.randperm(SAMPLES), 0
        return self._points.index_select(0, indices_B), self._labels.index_select(0, indices_B)

    def weighted(self, losses_B: Tensor) -> Tensor:
        """ABSGD in three lines."""
        exponentials_B = torch.exp(losses_B.detach() / LAM)
        self._u = (1 - GAMMA) * self._u + GAMMA * exponentials_B.mean()
        return (exponentials_B / (self._u * B) * losses_B).sum()


def _model(width: int) -> nn.Module:
    widths = [FEATURES, width, width, width]
    layers = [layer for a, b in pairwise(widths) for layer in (nn.Linear(a, b), nn.ReLU())]
    return nn.Sequential(*layers, nn.Linear(width, CLASSES))


def _fitting_width(points: Tensor, labels: Tensor, step_seconds: float) -> int:
    """A width of the model with which a bare step takes about `step_seconds` of CPU here."""
    width = 64
    while _seconds_of(width + 64, points, labels) < step_seconds:
        width += 64
    return width


def _seconds_of(width: int, points: Tensor, labels: Tensor) -> float:
    model = _model(width)
    loop = BareLoop(model, torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9), points, labels)
    times = []
    for _ in range(12):
        began = time.thread_time()
        loop.step()
        times.append(time.thread_time() - began)
    return sorted(times[2:])[len(times[2:]) // 2]


def _write(file: Path, controlled: list[Spent], bare: list[Spent], *, steps: int) -> None:
    seconds = [spent.seconds for spent in controlled], [spent.seconds for spent in bare]
    cpu = [spent.cpu_seconds / steps for spent in controlled], [spent.cpu_seconds / steps for spent in bare]
    numbers = {
        "ratio": mean_ratio(*seconds),
        "median_ratio": median_ratio(*seconds),
        "added_cpu_us": [1e6 * bound for bound in mean_difference(*cpu)],
        "bare_ms": 1e3 * sum(seconds[1]) / len(bare) / steps,
        "steps": steps * len(bare),
    }
    file.write_text(json.dumps(numbers), encoding="utf-8")
