"""Who decides under absgd-run: its command line, else the script."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from absgd_worker.attach.source import Recorded, Script, Source, StopTraining
from absgd_worker.console import complain
from absgd_worker.rings import StepEntry
from absgd_worker.weights import Rule


class Host:
    """A source that is another's: of the command line, or of the session that the script enters.

    Args:
        own: what holds where the script has no session.
        is_decided: the command line or a controller says what lambda is, and the script's word is of no
            account.
        is_recorded: the run is named already.
    """

    def __init__(self, own: Source, *, is_decided: bool, is_recorded: bool) -> None:
        self.is_decided = is_decided
        self.is_recorded = is_recorded
        self._own = own
        self._guest: Source | None = None
        self._script: Script | None = None
        self._began = 0
        self._step = 0
        self._has_told = is_decided

    def take(self, guest: Source) -> None:
        """From the next step on it is the script's that decides, whose steps begin at 0. Not where it is
        decided."""
        assert self._script is not None, "begin comes first"
        self._guest, self._began, self._has_told = guest, self._step, True
        guest.begin(self._script)

    def leave(self, error: BaseException | None) -> None:
        """The script's session ends. May be called twice."""
        guest, self._guest = self._guest, None
        if guest is not None:
            guest.close(error)

    def begin(self, script: Script) -> None:
        self._script = script
        self._own.begin(script)

    @property
    def attempt(self) -> int:
        return self._source.attempt

    @property
    def rule(self) -> Rule | None:
        return self._source.rule

    @property
    def wants_lambda(self) -> bool:
        return self._source.wants_lambda

    @property
    def chooses_rule(self) -> bool:
        return self._source.chooses_rule

    def next(self, step: int) -> Mapping[str, float]:
        self._step = step
        row = self._source.next(step - self._began)
        if not self._has_told and math.isinf(row["lambda"]):
            complain("absgd: lambda is off: losses are recorded, and training is as it was; --lam sets it")
        self._has_told = True
        return row

    def report(self, entry: StepEntry) -> None:
        self._source.report(entry)

    def between(self, step: int) -> StopTraining | None:
        self._step = step
        return self._source.between(step)

    def over(self, step: int) -> StopTraining | None:
        return self._source.over(step - self._began)

    def evaluated(self, split: str, metrics: Mapping[str, float]) -> None:
        self._source.evaluated(split, metrics)

    def place(self) -> Mapping[str, Any] | None:
        return self._source.place() if isinstance(self._source, Recorded) else None

    def go_on(self, place: Mapping[str, Any] | None, step: int) -> None:
        if isinstance(self._source, Recorded):
            self._source.go_on(place, step)

    def close(self, error: BaseException | None) -> None:
        self.leave(error)
        self._own.close(error)

    @property
    def _source(self) -> Source:
        return self._guest or self._own
