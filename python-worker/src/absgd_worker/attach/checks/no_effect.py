"""Warns when lambda has no effect: it is so large compared with the losses that all weights are equal."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from absgd_worker.attach.hooks.distributed_ranks import global_rank
from absgd_worker.console import complain
from absgd_worker.weights import Statistics, statistics_of_row
from absgd_worker.weights.diagnostics import ess_ratio_of_applied_weights


class NoEffectCheck:
    """Checks the steps of a training until it has warned once."""

    def __init__(self) -> None:
        self._has_warned = False
        self._steps: list[Sequence[Statistics | Tensor]] = []

    def add(self, weighings: Sequence[Statistics | Tensor], lam: float, *, is_off: bool) -> None:
        """The statistics of a step under lambda `lam`. Those on a device are read once in `STEPS` steps,
        since reading waits for the device."""
        if self._has_warned:
            return
        if is_off:
            self._steps = []
            return
        self._steps.append(weighings)
        if len(self._steps) < STEPS:
            return
        steps, self._steps = self._steps, []
        given = [statistics for step in steps for statistics in step]
        on_device = [statistics for statistics in given if isinstance(statistics, Tensor)]
        # All of them are read together: each reading waits.
        rows = torch.stack(on_device).tolist() if on_device else []
        read = [statistics for statistics in given if isinstance(statistics, Statistics)]
        read += [statistics_of_row(row) for row in rows]
        # Single samples and losses that are not finite always have equal weights.
        counted = [statistics for statistics in read if statistics.n > 1 and math.isfinite(statistics.m)]
        if not counted or len(counted) < len(read) / 2:
            return
        if any(ess_ratio_of_applied_weights(statistics) <= EVEN for statistics in counted):
            return
        self._has_warned = True
        if global_rank() == 0:
            complain(
                f"absgd: lambda had no effect in {STEPS} steps: all weights were equal (ESS ratio above "
                f"{EVEN}), since lambda = {lam:g} is large compared with the differences between the losses, "
                f"whose mean is {counted[-1].mean_loss:.4g}. Set a smaller |lambda|: `absgd suggest RUN` "
                "suggests a value"
            )


STEPS = 100
EVEN = 0.999
"""An ESS ratio above this one means equal weights."""
