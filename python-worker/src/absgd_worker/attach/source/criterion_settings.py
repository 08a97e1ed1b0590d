"""What criteria that are wrapped outside of any session say of their lambda."""

from __future__ import annotations

import math
import weakref
from collections.abc import Mapping
from typing import NamedTuple

from absgd_worker.attach.errors import SessionError
from absgd_worker.attach.source.constant import Setting
from absgd_worker.attach.source.source import Uncontrolled
from absgd_worker.console import complain


class CriterionSettings:
    """The newest word on every name holds: a cell that is edited and run again, a criterion made anew each
    epoch. As all losses of a step share its controls, names that differ are refused once a step begins."""

    def __init__(self) -> None:
        self._of: dict[str, _Wish] = {}

    def take(self, name: str, criterion: object, lam: Setting, gamma: Setting) -> None:
        """Holds for as long as `criterion` is there."""
        self._of[name] = _Wish(weakref.ref(criterion), lam, gamma)

    def row(self, step: int) -> tuple[float, float]:
        """Lambda and gamma; off where nobody says.

        Raises:
            SessionError: two of them say different ones, and lambda is on in one of them.
        """
        self._of = {name: wish for name, wish in self._of.items() if wish.criterion() is not None}
        rows = {name: (_at(wish.lam, step), _at(wish.gamma, step)) for name, wish in self._of.items()}
        if len(set(rows.values())) > 1 and any(math.isfinite(lam) for lam, _ in rows.values()):
            said = ", ".join(f"{name!r} lam={lam:g}, gamma={gamma:g}" for name, (lam, gamma) in rows.items())
            raise SessionError(
                f"all losses of a step share its lambda, and the criteria say {said}: say it once, with "
                "absgd_worker.session(lam=…)"
            )
        return next(iter(rows.values()), (math.inf, 0.9))

    @property
    def are_there(self) -> bool:
        """Whether any lambda is wished for, that is not off at every step."""
        return any(
            wish.criterion() is not None and (callable(wish.lam) or math.isfinite(wish.lam))
            for wish in self._of.values()
        )


class CriterionSource(Uncontrolled):
    """A source of what they say at each step.

    Args:
        gamma: where the command line says that much.
        tells: say once that lambda is off, if it is.
    """

    def __init__(self, gamma: float | None = None, *, tells: bool = False) -> None:
        self._gamma = gamma
        self._tells = tells

    @property
    def wants_lambda(self) -> bool:  # type: ignore[override]
        return wishes.are_there

    def is_on_at(self, step: int) -> bool:
        return self.wants_lambda and math.isfinite(wishes.row(step)[0])

    def next(self, step: int) -> Mapping[str, float]:
        lam, gamma = wishes.row(step)
        if self._tells and math.isinf(lam):
            complain("absgd: lambda is off: training is as it was; --lam sets it")
        self._tells = False
        return {"lambda": lam, "gamma": gamma if self._gamma is None else self._gamma}


class _Wish(NamedTuple):
    criterion: weakref.ref[object]
    lam: Setting
    gamma: Setting


def _at(setting: Setting, step: int) -> float:
    return float(setting(step) if callable(setting) else setting)


wishes = CriterionSettings()
"""Of criteria that are wrapped outside of any session."""
