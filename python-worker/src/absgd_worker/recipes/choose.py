"""Chooses lambda from the losses that a recipe has measured."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from absgd_worker.recipes.recipe import Recipe
from absgd_worker.recipes.spread import Losses, solve_lambda
from absgd_worker.schedules import format_number


class Edit(NamedTuple):
    """Lambda from a step on."""

    text: str
    """A schedule that begins at that step."""
    why: str


class Measured(NamedTuple):
    """What was measured up to a step, in units of loss."""

    step: int
    mean: float
    deviation: float
    """The standard deviation within a batch."""
    first: float
    """The mean loss of the first steps."""

    @property
    def has_learnt(self) -> bool:
        """Whether the losses tell samples apart: the mean has fallen, or they are widely spread."""
        return self.mean < LEARNT * self.first or self.deviation > WIDE * abs(self.mean)


class Choice(NamedTuple):
    edit: Edit | None = None
    """None: lambda stays off."""
    mark: str = ""
    lam: float = 0.0
    """Where lambda is annealed to."""
    over: int = 0
    """Steps until it is there."""


def choose(recipe: Recipe, batches: Sequence[Losses], measured: Measured, step: int) -> Choice:
    """Lambda from `step` on.

    Args:
        batches: usable ones, the newest of those that were measured.
        step: the first step with lambda on, if it comes on.
    """
    figures = (
        f"after {measured.step + 1} steps the mean loss was {_shown(measured.mean)}, and the standard "
        f"deviation within a batch {_shown(measured.deviation)}"
    )
    ratio = RARE_RATIO if recipe.kind == "rare-groups" else 1 - recipe.assumed
    sign = 1 if recipe.kind == "rare-groups" else -1
    solved = solve_lambda(batches, ratio, sign) if measured.has_learnt else None
    if solved is None:
        return Choice(mark=f"{figures}: the losses do not tell samples apart, and lambda stays off")
    factor = 1.0 if recipe.kind == "rare-groups" else CLOSER
    lam = float(f"{factor * solved:.2g}")
    over = math.floor(step / 2)
    text = f"exponential({format_number(FROM * lam)}, {format_number(lam)}, over={over})"
    share = math.floor(100 * ratio + 0.5)
    why = f"{figures}; at lambda {_shown(solved)} the effective sample size was {share} % of a batch"
    if recipe.kind == "off":
        return Choice(mark=f"{why}; measured alone: lambda stays off")
    return Choice(Edit(text, why), "", lam, over)


def _shown(value: float) -> str:
    return format_number(float(f"{value:.2g}"))


LEARNT = 0.95
WIDE = 0.25
CLOSER = 0.6
"""Wrong labels: the factor of the lambda that was solved for, because the losses go on separating."""
FROM = 8
"""Lambda is annealed from this many times its last value, over half as many steps as it was off."""
RARE_RATIO = 0.7
