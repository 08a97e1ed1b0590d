"""Warns when a training collapses under lambda and no controller guards it: on stderr, and in its log."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from absgd_worker.attach.checks.collapse import BackOff, CollapseState, StepFigures, check_step
from absgd_worker.attach.hooks.distributed_ranks import global_rank
from absgd_worker.console import complain
from absgd_worker.link.step_entry import StepEntry
from absgd_worker.weights import Statistics
from absgd_worker.weights.diagnostics import ess_ratio_of_applied_weights, weighted_mean_loss


class _StepOfName(NamedTuple):
    """A step of one weighing."""

    name: str
    step: int
    lam: float


class _Copy(NamedTuple):
    """Statistics that are being copied from a device to the host."""

    steps: list[_StepOfName]
    rows: Tensor
    event: torch.cuda.Event


class CollapseCheck:
    """Checks each weighing of a training. Statistics on a device are read some steps later: nothing waits."""

    def __init__(self, record_warning: Callable[[str], None] = lambda _text: None) -> None:
        """`record_warning`: writes a text into the log of the run, if there is one."""
        self._record_warning = record_warning
        self._states: dict[str, CollapseState] = {}
        self._last_step = -1
        self._reported: set[tuple[str, str]] = set()
        self._on_device: list[tuple[_StepOfName, Tensor]] = []
        self._copy: _Copy | None = None

    def step(self, entry: StepEntry) -> None:
        """Checks one more step."""
        if entry.step <= self._last_step:
            # An earlier state was loaded.
            self._states = {}
        self._last_step = entry.step
        lam = entry.controls.get("lambda", math.inf)
        for name, statistics in ((entry.name, entry.statistics), *entry.others):
            step = _StepOfName(name, entry.step, lam)
            if isinstance(statistics, Tensor):
                self._on_device.append((step, statistics))
            elif statistics is not None:
                self._check(step, statistics)
        if self._on_device or self._copy is not None:
            self._read_from_device()

    def close(self) -> None:
        """There is no further step: reads the statistics that are still on a device."""
        self._finish_copy(wait=True)
        left, self._on_device = self._on_device, []
        for step, statistics in left:
            self._check(step, Statistics(*statistics.tolist()))

    def _read_from_device(self) -> None:
        self._finish_copy(wait=False)
        if self._copy is not None or len(self._on_device) < READ_TOGETHER:
            return
        steps = [step for step, _ in self._on_device]
        rows = torch.stack([statistics for _, statistics in self._on_device])
        self._on_device = []
        if not rows.is_cuda:
            self._check_all(steps, rows)
            return
        host = torch.empty(rows.shape, dtype=rows.dtype, pin_memory=True)
        host.copy_(rows, non_blocking=True)
        event = torch.cuda.Event()
        event.record(torch.cuda.current_stream(rows.device))
        self._copy = _Copy(steps, host, event)

    def _finish_copy(self, *, wait: bool) -> None:
        copy = self._copy
        if copy is None:
            return
        if wait:
            copy.event.synchronize()
        if copy.event.query():
            self._copy = None
            self._check_all(copy.steps, copy.rows)

    def _check_all(self, steps: list[_StepOfName], rows: Tensor) -> None:
        for step, row in zip(steps, rows.tolist(), strict=True):
            self._check(step, Statistics(*row))

    def _check(self, step: _StepOfName, row: Statistics) -> None:
        figures = StepFigures(
            step.step,
            step.lam,
            int(row.n),
            row.mean_loss,
            ess_ratio_of_applied_weights(row),
            weighted_mean_loss(row),
        )
        state = self._states.get(step.name, CollapseState())
        self._states[step.name], found = check_step(state, figures)
        if found is not None:
            self._report(step, found)

    def _report(self, step: _StepOfName, found: BackOff) -> None:
        if (step.name, found.kind) in self._reported or global_rank() != 0:
            return
        self._reported.add((step.name, found.kind))
        where = "" if step.name == "loss" else f" at {step.name}"
        first = self._states[step.name].first.loss
        what = "may collapse" if found.factor == 1 else "collapses"
        text = (
            f"training {what} under lambda {step.lam:.4g} (after {step.step + 1:,} steps{where}): "
            f"{found.mark}. The weighted loss does not show it: watch the unweighted mean loss. Leave lambda "
            "off until the mean loss has fallen, then begin with |lambda| above the first mean loss "
            f"({first:.3g} here), and let it fall slowly: docs/when.md"
        )
        complain(f"absgd: {text}")
        self._record_warning(text)


READ_TOGETHER = 16
"""How many steps on a device one copy reads."""
