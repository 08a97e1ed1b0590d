"""Controls that the code itself sets: no controller, no plan."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from absgd_worker.attach.source.source import LocalSource

Setting = float | Callable[[int], float]


class ConstantSource(LocalSource):
    """A source of constants, or of functions of the step, from 0."""

    def __init__(self, lam: Setting = math.inf, gamma: Setting = 0.9, **controls: Setting) -> None:
        self._settings: dict[str, Setting] = {"lambda": lam, "gamma": gamma, **controls}

        self.wants_lambda = callable(lam) or math.isfinite(lam)
        self.is_constant = not (self.wants_lambda or callable(gamma) or controls)

    def is_on_at(self, step: int) -> bool:
        return math.isfinite(value_at(self._settings["lambda"], step))

    def next(self, step: int) -> Mapping[str, float]:
        return {name: value_at(setting, step) for name, setting in self._settings.items()}


def value_at(setting: Setting, step: int) -> float:
    """The value of a constant, or of a function of the step, at `step`."""
    return float(setting(step) if callable(setting) else setting)
