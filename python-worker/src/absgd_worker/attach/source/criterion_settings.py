"""The lambda and gamma of criteria that are wrapped outside of any session."""

from __future__ import annotations

import math
import weakref
from collections.abc import Mapping
from typing import NamedTuple

from absgd_worker.attach.errors import SessionError
from absgd_worker.attach.source.settings import (
    Control,
    Setting,
    may_be_on,
    needs_epochs,
    read_setting,
    value_at,
)
from absgd_worker.attach.source.source import LocalSource
from absgd_worker.console import complain


class CriterionSettings:
    """The newest setting of each name holds: a notebook cell may run again, or each epoch make a criterion.

    All losses of a step share its controls, so names with different values are refused when a step begins.
    """

    def __init__(self) -> None:
        self._by_name: dict[str, _Setting] = {}

    def add(self, name: str, criterion: object, lam: Setting, gamma: Setting) -> None:
        """Adds the setting of a criterion. It holds until the criterion is garbage-collected.

        Raises:
            ScheduleError: a text that is no schedule of this control.
        """
        own = _Setting(weakref.ref(criterion), read_setting("lambda", lam), read_setting("gamma", gamma))
        self._by_name[name] = own

    def clear(self) -> None:
        """Removes all settings."""
        self._by_name.clear()

    def row(self, step: int, steps_per_epoch: int = 0) -> tuple[float, float]:
        """Lambda and gamma at `step`; lambda is off if there is no setting.

        Args:
            steps_per_epoch: 0 if it is unknown.

        Raises:
            SessionError: two criteria have different values, and lambda is on in one of them.
            ScheduleError: a schedule uses epochs, and their length is unknown.
        """
        self._by_name = {name: own for name, own in self._by_name.items() if own.criterion() is not None}
        rows = {
            name: (value_at(own.lam, step, steps_per_epoch), value_at(own.gamma, step, steps_per_epoch))
            for name, own in self._by_name.items()
        }
        if len(set(rows.values())) > 1 and any(math.isfinite(lam) for lam, _ in rows.values()):
            values = [f"{name!r} lam={lam:g}, gamma={gamma:g}" for name, (lam, gamma) in rows.items()]
            raise SessionError(
                f"all losses of a step share its lambda, and the criteria set {', '.join(values)}: "
                "set it once, with absgd_worker.session(lam=…)"
            )
        return next(iter(rows.values()), (math.inf, 0.9))

    @property
    def any_given(self) -> bool:
        """Whether any criterion was given a lambda."""
        return bool(self._by_name)

    @property
    def want_lambda(self) -> bool:
        """Whether the lambda of any criterion is on at some step, or may be."""
        return any(own.criterion() is not None and may_be_on(own.lam) for own in self._by_name.values())

    @property
    def use_epochs(self) -> bool:
        """Whether values depend on the number of steps of an epoch."""
        return any(needs_epochs(own.lam) or needs_epochs(own.gamma) for own in self._by_name.values())


class CriterionSource(LocalSource):
    """A source of the values that wrapped criteria set at each step.

    Args:
        gamma: replaces the gamma of the criteria, if the command line sets it.
        announce_off: print once that lambda is off, if it is.
    """

    def __init__(self, gamma: Setting | None = None, *, announce_off: bool = False) -> None:
        self._gamma = None if gamma is None else read_setting("gamma", gamma)
        self._announce_off = announce_off
        self._steps_per_epoch = 0

    @property
    def wants_lambda(self) -> bool:  # type: ignore[override]
        return criterion_settings.want_lambda

    @property
    def is_constant(self) -> bool:  # type: ignore[override]
        return not criterion_settings.any_given

    def is_on_at(self, step: int) -> bool:
        if not self.wants_lambda or (criterion_settings.use_epochs and not self._steps_per_epoch):
            return self.wants_lambda
        return math.isfinite(criterion_settings.row(step, self._steps_per_epoch)[0])

    def next(self, step: int) -> Mapping[str, float]:
        if step == 0 or not self._steps_per_epoch:
            # All later steps of the training have epochs of this length.
            uses_epochs = criterion_settings.use_epochs or needs_epochs(self._gamma or 1.0)
            self._steps_per_epoch = self.steps_per_epoch if uses_epochs else 0
        epoch = self._steps_per_epoch
        lam, gamma = criterion_settings.row(step, epoch)
        if self._announce_off and math.isinf(lam):
            complain("absgd: lambda is off: training is as it was; --lam sets it")
        self._announce_off = False
        return {"lambda": lam, "gamma": gamma if self._gamma is None else value_at(self._gamma, step, epoch)}


class _Setting(NamedTuple):
    criterion: weakref.ref[object]
    lam: Control
    gamma: Control


criterion_settings = CriterionSettings()
"""The settings of all criteria of this process."""
