"""Controls that the code itself sets: no controller, no plan."""

from __future__ import annotations

import math
from collections.abc import Mapping

from absgd_worker.attach.source.settings import (
    Control,
    is_constant,
    may_be_on,
    needs_epochs,
    read_setting,
    value_at,
)
from absgd_worker.attach.source.source import LocalSource


class ConstantSource(LocalSource):
    """A source of numbers, of schedules, or of functions of the step, from 0.

    Raises:
        ScheduleError: a text is no schedule; by `next`, one that uses epochs whose length is unknown.
    """

    def __init__(self, lam: Control | str = math.inf, gamma: Control | str = 0.9) -> None:
        self._lam, self._gamma = read_setting("lambda", lam), read_setting("gamma", gamma)
        self._uses_epochs = needs_epochs(self._lam) or needs_epochs(self._gamma)
        self._steps_per_epoch = 0
        self.wants_lambda = may_be_on(self._lam)
        self.is_constant = not self.wants_lambda and is_constant(self._gamma)

    def is_on_at(self, step: int) -> bool:
        if self._uses_epochs and not self._steps_per_epoch:
            return self.wants_lambda
        return math.isfinite(value_at(self._lam, step, self._steps_per_epoch))

    def next(self, step: int) -> Mapping[str, float]:
        if self._uses_epochs and (step == 0 or not self._steps_per_epoch):
            # All later steps of the training have epochs of this length.
            self._steps_per_epoch = self.steps_per_epoch
        epoch = self._steps_per_epoch
        return {"lambda": value_at(self._lam, step, epoch), "gamma": value_at(self._gamma, step, epoch)}
