"""A control that the code or the command line sets: a number, a schedule as text, or a function of the
step."""

from __future__ import annotations

import math
from collections.abc import Callable

from absgd_worker.schedules import (
    Source,
    check_control,
    compile_schedule,
    constant_value,
    describe_schedule,
    is_ever_on,
    parse_schedule,
    uses_epochs,
)

Setting = float | str | Callable[[int], float]
"""A control as users give it: a number, a schedule as text, or a function of the step, from 0."""


class Scheduled:
    """A schedule that was given as text. If it uses epochs, its values are known once their length is."""

    def __init__(self, name: str, text: str) -> None:
        """`name`: the control, "lambda" or "gamma".

        Raises:
            ScheduleError: the text is no schedule, or has a value that the control cannot have.
        """
        self.text = text.strip()
        self.source: Source = parse_schedule(text)
        check_control(name, self.source)
        self.uses_epochs = uses_epochs(self.source)
        self.is_ever_on = is_ever_on(self.source)
        self._values: Callable[[int], float] | None = None
        self._steps_per_epoch: int | None = None

    def at(self, step: int, steps_per_epoch: int) -> float:
        """The value at `step`, from 0. `steps_per_epoch`: 0 if it is unknown.

        Raises:
            ScheduleError: the schedule uses epochs, and their length is unknown.
        """
        if self._values is None or (self.uses_epochs and steps_per_epoch != self._steps_per_epoch):
            self._values = compile_schedule(self.source, steps_per_epoch)
            self._steps_per_epoch = steps_per_epoch
        return self._values(step)

    def __str__(self) -> str:
        return describe_schedule(self.source)


Control = float | Scheduled | Callable[[int], float]
"""A setting that was read."""


def read_setting(name: str, setting: Setting | Scheduled) -> Control:
    """Reads what a user gives for a control: "lambda" or "gamma".

    Raises:
        ScheduleError: a text that is no schedule, or has a value that the control cannot have.
        TypeError: it is no number, text or function.
    """
    if isinstance(setting, str):
        read = Scheduled(name, setting)
        number = constant_value(read.source)
        return read if number is None else number
    if isinstance(setting, Scheduled) or callable(setting):
        return setting
    try:
        return float(setting)
    except (TypeError, ValueError):
        kind = type(setting).__name__
        raise TypeError(
            f"{name} is a {kind}, must be a number, a schedule as text ('exponential(-5, -0.5, over=2000)'), "
            "or a function of the step"
        ) from None


def value_at(control: Control, step: int, steps_per_epoch: int = 0) -> float:
    """The value of a control at `step`. `steps_per_epoch`: 0 if it is unknown. Raises as `Scheduled.at`."""
    if isinstance(control, Scheduled):
        return control.at(step, steps_per_epoch)
    return float(control(step) if callable(control) else control)


def may_be_on(lam: Control) -> bool:
    """Whether lambda is finite at some step, or may be."""
    if isinstance(lam, Scheduled):
        return lam.is_ever_on
    return callable(lam) or math.isfinite(lam)


def is_constant(control: Control) -> bool:
    """Whether a control has one value at all steps."""
    return isinstance(control, float)


def needs_epochs(control: Control) -> bool:
    """Whether its values depend on the number of steps of an epoch."""
    return isinstance(control, Scheduled) and control.uses_epochs


def shown(control: Control) -> str:
    """A control, for people; a schedule is text that `absgd set` takes, too."""
    if isinstance(control, Scheduled):
        return control.text
    if callable(control):
        return "a function of the step"
    return "off" if math.isinf(control) else f"{control:g}"
