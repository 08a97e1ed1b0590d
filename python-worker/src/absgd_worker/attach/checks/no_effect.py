"""Says where lambda has no effect: weights that are even because lambda is large against the losses."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from absgd_worker.attach.hooks.distributed_ranks import global_rank
from absgd_worker.console import complain
from absgd_worker.weights import Statistics, read_statistics
from absgd_worker.weights.diagnostics import ess_ratio_of_applied_weights


class Effect:
    """Watches the steps of a session until it has said so."""

    def __init__(self) -> None:
        self._is_told = False
        self._steps: list[Sequence[Statistics | Tensor]] = []

    def add(self, weighings: Sequence[Statistics | Tensor], lam: float, *, is_off: bool) -> None:
        """`weighings`: of a step under `lam`. On a device they are read every 100 steps only, as reading
        waits for it."""
        if self._is_told:
            return
        if is_off:
            self._steps = []
            return
        self._steps.append(weighings)
        if len(self._steps) < STEPS:
            return
        steps, self._steps = self._steps, []
        read = [read_statistics(one) for step in steps for one in step]
        # A sample by itself has an even weight, and losses that are not finite are weighed evenly.
        counted = [one for one in read if one.n > 1 and math.isfinite(one.m)]
        if not counted or len(counted) < len(read) / 2:
            return
        if any(ess_ratio_of_applied_weights(row) <= EVEN for row in counted):
            return
        self._is_told = True
        if global_rank() == 0:
            complain(
                f"absgd: lambda had no effect in {STEPS} steps, in which weights were even (ESS ratio above "
                f"{EVEN}): lambda = {lam:g} is large against the differences of the losses, whose mean is "
                f"{counted[-1].mean_loss:.4g}. `absgd suggest RUN` names one that has an effect"
            )


STEPS = 100
EVEN = 0.999
