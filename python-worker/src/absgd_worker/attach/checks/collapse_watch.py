"""Says that a training run collapses under lambda, where no controller guards it: on stderr, in its log."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from absgd_worker.attach.checks.collapse import BackOff, SeenStep, Watch, watch
from absgd_worker.attach.hooks.distributed_ranks import global_rank
from absgd_worker.console import complain
from absgd_worker.link.step_reports import StepEntry
from absgd_worker.weights import Statistics
from absgd_worker.weights.diagnostics import ess_ratio_of_applied_weights, weighted_mean_loss


class _Step(NamedTuple):
    name: str
    """Of the weighing."""
    step: int
    lam: float


class _UnderWay(NamedTuple):
    """Statistics on a device that are being copied to the host."""

    steps: list[_Step]
    rows: Tensor
    event: torch.cuda.Event


class CollapseWatch:
    """Watches each weighing of a session. What is on a device is read some steps later: nothing waits."""

    def __init__(self, note: Callable[[str], None] = lambda _text: None) -> None:
        """`note`: records a text with the run, if it is recorded."""
        self._note = note
        self._watches: dict[str, Watch] = {}
        self._last = -1
        self._said: set[tuple[str, str]] = set()
        self._on_device: list[tuple[_Step, Tensor]] = []
        self._under_way: _UnderWay | None = None

    def step(self, entry: StepEntry) -> None:
        """Takes the figures of one more step."""
        if entry.step <= self._last:
            # An earlier state was loaded.
            self._watches = {}
        self._last = entry.step
        lam = entry.controls.get("lambda", math.inf)
        for name, statistics in ((entry.name, entry.statistics), *entry.others):
            step = _Step(name, entry.step, lam)
            if isinstance(statistics, Tensor):
                self._on_device.append((step, statistics))
            elif statistics is not None:
                self._see(step, statistics)
        if self._on_device or self._under_way is not None:
            self._read_what_is_there()

    def close(self) -> None:
        """There is no further step: waits for what is still on a device."""
        self._take(wait=True)
        left, self._on_device = self._on_device, []
        for step, statistics in left:
            self._see(step, Statistics(*statistics.tolist()))

    def _read_what_is_there(self) -> None:
        self._take(wait=False)
        if self._under_way is not None or len(self._on_device) < READ_TOGETHER:
            return
        steps = [step for step, _ in self._on_device]
        rows = torch.stack([statistics for _, statistics in self._on_device])
        self._on_device = []
        if not rows.is_cuda:
            self._see_all(steps, rows)
            return
        host = torch.empty(rows.shape, dtype=rows.dtype, pin_memory=True)
        host.copy_(rows, non_blocking=True)
        event = torch.cuda.Event()
        event.record(torch.cuda.current_stream(rows.device))
        self._under_way = _UnderWay(steps, host, event)

    def _take(self, *, wait: bool) -> None:
        under_way = self._under_way
        if under_way is None:
            return
        if wait:
            under_way.event.synchronize()
        if under_way.event.query():
            self._under_way = None
            self._see_all(under_way.steps, under_way.rows)

    def _see_all(self, steps: list[_Step], rows: Tensor) -> None:
        for step, row in zip(steps, rows.tolist(), strict=True):
            self._see(step, Statistics(*row))

    def _see(self, of: _Step, row: Statistics) -> None:
        seen = SeenStep(
            of.step,
            of.lam,
            int(row.n),
            row.mean_loss,
            ess_ratio_of_applied_weights(row),
            weighted_mean_loss(row),
        )
        self._watches[of.name], found = watch(self._watches.get(of.name, Watch()), seen)
        if found is not None:
            self._say(of, found)

    def _say(self, of: _Step, found: BackOff) -> None:
        if (of.name, found.kind) in self._said or global_rank() != 0:
            return
        self._said.add((of.name, found.kind))
        where = "" if of.name == "loss" else f" at {of.name}"
        first = self._watches[of.name].first.loss
        what = "may collapse" if found.factor == 1 else "collapses"
        text = (
            f"training {what} under lambda {of.lam:.4g} (after {of.step + 1:,} steps{where}): "
            f"{found.mark}. The weighted loss does not show it: watch the unweighted mean loss. Leave "
            "lambda off until the loss has fallen, then let it come down slowly in size, from above the "
            f"first mean loss ({first:.3g} here): docs/when.md"
        )
        complain(f"absgd: {text}")
        self._note(text)


READ_TOGETHER = 16
"""Steps on a device are read so many at a time: one copy for all of them."""
