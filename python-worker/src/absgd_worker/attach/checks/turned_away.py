"""How much of the weight lambda has taken away from samples lately, for the last words of a script."""

from __future__ import annotations

import math
from collections import deque
from typing import Any, NamedTuple

from torch import Tensor

from absgd_worker.link.step_entry import StepEntry
from absgd_worker.weights import Statistics
from absgd_worker.weights.diagnostics import ess_ratio_of_applied_weights


class TurnedAway(NamedTuple):
    """Over the last steps in which lambda was on."""

    steps: int
    lam: float
    """Lambda of the last of them."""
    share: float
    """1 - ESS/B, in [0, 1): the part of the samples whose weight is gone."""


class LastWeights:
    """Keeps the statistics of the newest `STEPS` steps in which lambda was on. They are read at the end."""

    def __init__(self) -> None:
        self._kept: deque[tuple[float, Statistics | Tensor]] = deque(maxlen=STEPS)

    def step(self, entry: StepEntry, lam: float) -> None:
        """A step was reported. `lam`: ±inf if lambda was off."""
        if entry.statistics is not None and math.isfinite(lam):
            self._kept.append((lam, entry.statistics))

    def read(self) -> TurnedAway | None:
        """None if lambda was never on. Waits for a device that has statistics."""
        shares = [1 - ess_ratio_of_applied_weights(_read(row)) for _, row in self._kept]
        finite = [share for share in shares if math.isfinite(share)]
        if not finite:
            return None
        return TurnedAway(len(finite), self._kept[-1][0], sum(finite) / len(finite))


def _read(row: Statistics | Tensor) -> Statistics:
    if isinstance(row, Tensor):
        numbers: list[Any] = row.tolist()
        return Statistics(*numbers)
    return row


STEPS = 64
