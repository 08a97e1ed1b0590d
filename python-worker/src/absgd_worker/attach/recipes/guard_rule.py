"""The guard of a recipe: the rules of `collapse`, and what they make of the steps so far."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from torch import Tensor

from absgd_worker.attach.checks.collapse import COLD_LAG, BackOff, CollapseState, StepFigures, check_step
from absgd_worker.attach.checks.collapse_beginning import Beginning
from absgd_worker.device.host_copy import HostCopy
from absgd_worker.link.step_entry import StepEntry
from absgd_worker.weights import Statistics
from absgd_worker.weights.diagnostics import ess_ratio_of_applied_weights, weighted_mean_loss


class _Seen(NamedTuple):
    step: int
    lam: float
    statistics: Statistics | HostCopy


class GuardRule:
    """Looks at the main loss of each step, `COLD_LAG` steps later, so that no step waits for a device."""

    def __init__(self) -> None:
        self._state = CollapseState()
        self._seen: deque[_Seen] = deque()

    def observe(self, entry: StepEntry) -> None:
        """A step was trained."""
        statistics = entry.statistics
        if statistics is not None:
            kept = HostCopy(statistics) if isinstance(statistics, Tensor) else statistics
            self._seen.append(_Seen(entry.step, entry.controls.get("lambda", math.inf), kept))

    def through(self, step: int) -> Iterator[BackOff]:
        """The back-offs that the steps up to `step - COLD_LAG` call for, before `step` begins."""
        while self._seen and self._seen[0].step <= step - COLD_LAG:
            seen = self._seen.popleft()
            self._state, found = check_step(self._state, _figures(seen))
            if found is not None and found.factor != 1:
                yield found

    def state_dict(self) -> dict[str, Any]:
        """Python numbers. Steps that were not looked at yet are part of it."""
        seen = [[one.step, one.lam, list(_statistics(one))] for one in self._seen]
        return {"state": {**self._state._asdict(), "first": list(self._state.first)}, "seen": seen}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Loads what `state_dict` returned."""
        known: dict[str, Any] = dict(state["state"])
        known["first"] = Beginning(*known["first"])
        known |= {name: tuple(known[name]) for name in ("losses", "ess_ratios")}
        self._state = CollapseState(**known)
        self._seen = deque(_Seen(step, lam, Statistics(*row)) for step, lam, row in state["seen"])


def _statistics(seen: _Seen) -> Statistics:
    kept = seen.statistics
    if isinstance(kept, HostCopy):
        row: list[Any] = kept.numbers()
        return Statistics(*row)
    return kept


def _figures(seen: _Seen) -> StepFigures:
    row = _statistics(seen)
    return StepFigures(
        seen.step,
        seen.lam,
        int(row.n),
        row.mean_loss,
        ess_ratio_of_applied_weights(row),
        weighted_mean_loss(row),
    )
