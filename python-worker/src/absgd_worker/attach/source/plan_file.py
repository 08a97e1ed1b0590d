"""Controls from a file: `absgd plan experiment.ts -o plan.json`, or the applied rows of a finished run."""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from absgd_worker.attach.source.source import LocalSource, StopTraining
from absgd_worker.errors import WorkerError


class PlanError(WorkerError, ValueError):
    """The file is not a plan."""


class PlanFileSource(LocalSource):
    """A source that reads the controls from a plan. Training ends after its last step.

    Raises:
        PlanError: the file is not a plan of this format.
    """

    def __init__(self, file: str | Path) -> None:
        try:
            plan: Any = json.loads(Path(file).read_text(encoding="utf-8"))
        except ValueError as error:
            raise PlanError(f"{file} is not JSON: {error}") from None
        if not isinstance(plan, dict) or plan.get("format") != FORMAT:
            raise PlanError(f'{file} is no plan of format {FORMAT}: make one with "absgd plan EXPERIMENT -o"')
        self.run_steps = _steps_of(plan, file)
        controls = plan.get("controls")
        if not isinstance(controls, dict) or not controls:
            raise PlanError(f"{file} plans no control")
        self._pieces = {name: _pieces_of(name, pieces, file) for name, pieces in controls.items()}
        _, lambdas = self._pieces.get("lambda", ([], []))
        self.wants_lambda = any(math.isfinite(lam) for lam in lambdas)

    def is_on_at(self, step: int) -> bool:
        return step < self.run_steps and math.isfinite(self.next(step).get("lambda", math.inf))

    def next(self, step: int) -> Mapping[str, float]:
        end = self.end_of_plan(step)
        if end is not None:
            raise end
        row: dict[str, float] = {}
        for name, (starts, values) in self._pieces.items():
            at = bisect_right(starts, step) - 1
            # The plan of a control may begin at a later step.
            if at >= 0:
                row[name] = values[at]
        return row

    def end_of_plan(self, step: int) -> StopTraining | None:
        if step < self.run_steps:
            return None
        return StopTraining(f"all {self.run_steps:,} steps of the plan are trained")


def _steps_of(plan: Mapping[str, Any], file: str | Path) -> int:
    steps = plan.get("runSteps")
    if not isinstance(steps, int) or isinstance(steps, bool) or steps < 1:
        raise PlanError(f"{file}: runSteps is {steps!r}, must be a whole number from 1")
    return steps


def _pieces_of(name: str, pieces: Any, file: str | Path) -> tuple[list[int], list[float]]:
    starts: list[int] = []
    values: list[float] = []
    for piece in pieces if isinstance(pieces, list) else [pieces]:
        if not isinstance(piece, list) or len(piece) != 2 or not isinstance(piece[0], int):
            raise PlanError(f"{file}: {name} takes [[step, value], …], not {piece!r}")
        start, value = piece[0], _number(piece[1])
        if value is None or (starts and start <= starts[-1]) or start < 0:
            raise PlanError(f"{file}: {name} takes ascending steps and numbers, not {piece!r}")
        starts.append(start)
        values.append(value)
    return starts, values


def _number(given: Any) -> float | None:
    if isinstance(given, str):
        return {"Infinity": math.inf, "-Infinity": -math.inf}.get(given)
    return float(given) if isinstance(given, (int, float)) and not isinstance(given, bool) else None


FORMAT = 1
