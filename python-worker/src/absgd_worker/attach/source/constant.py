"""Controls that the code itself sets: no controller, no plan."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from absgd_worker.attach.source.source import Uncontrolled

Setting = float | Callable[[int], float]


class ConstantSource(Uncontrolled):
    """A source of constants, or of functions of the step."""

    def __init__(self, lam: Setting = math.inf, gamma: Setting = 0.9, **controls: Setting) -> None:
        self._settings: dict[str, Setting] = {"lambda": lam, "gamma": gamma, **controls}

        self.wants_lambda = callable(lam) or math.isfinite(lam)

    def is_on_at(self, step: int) -> bool:
        lam = self._settings["lambda"]
        return math.isfinite(lam(step) if callable(lam) else lam)

    def next(self, step: int) -> Mapping[str, float]:
        return {
            name: float(setting(step) if callable(setting) else setting)
            for name, setting in self._settings.items()
        }
