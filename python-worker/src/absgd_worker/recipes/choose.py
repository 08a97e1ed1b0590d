"""Chooses lambda from the losses that a recipe has measured."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from absgd_worker.recipes.estimate import estimate_share
from absgd_worker.recipes.recipe import Recipe
from absgd_worker.recipes.spread import Losses, solve_lambda
from absgd_worker.recipes.state import Annealing, RecipeState
from absgd_worker.recipes.words import percent, shown
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
    """The mean loss of the first steps: that of a model that has learnt nothing."""

    @property
    def has_learnt(self) -> bool:
        """Whether the losses tell samples apart: the mean has fallen, or they are widely spread."""
        return self.mean < LEARNT * self.first or self.deviation > WIDE * abs(self.mean)


class Decision(NamedTuple):
    """What follows from the reports so far."""

    state: RecipeState
    edit: Edit | None = None
    """Lambda from this step on; None: as it is."""
    mark: str = ""
    """A sentence for people, without an edit."""


def choose(recipe: Recipe, batches: Sequence[Losses], measured: Measured, step: int) -> Decision:
    """Lambda from `step` on.

    Args:
        batches: usable ones, the newest of those that were measured.
        step: the first step with lambda on, if it comes on.
    """
    figures = (
        f"after {measured.step + 1} steps the mean loss was {shown(measured.mean)}, and the standard "
        f"deviation within a batch {shown(measured.deviation)}"
    )
    if not measured.has_learnt:
        return _off(f"{figures}: the losses do not tell samples apart, and lambda stays off")
    share, found, sign = RARE, "", 1
    if recipe.kind != "rare-groups":
        estimate = estimate_share(batches, measured.first)
        found, sign = f"; {estimate.why}", -1
        if recipe.wrong is not None:
            share = recipe.wrong
        elif estimate.share is not None:
            share = estimate.share
        elif recipe.kind == "wrong-labels":
            return _off(
                f"{figures}{found}. Lambda stays off: if you know the share of wrong labels, give it to "
                "the recipe"
            )
    solved = solve_lambda(batches, 1 - share, sign)
    if solved is None:
        return _off(f"{figures}: the losses do not tell samples apart, and lambda stays off")
    ratio = percent(1 - share)
    why = f"{figures}{found}; at lambda {shown(solved)} the effective sample size was {ratio} of a batch"
    if recipe.kind == "off":
        return _off(f"{why}; measured alone: lambda stays off")
    lam, over = float(f"{solved:.2g}"), math.floor(step / 2)
    text = f"exponential({format_number(FROM * lam)}, {format_number(lam)}, over={over})"
    if recipe.kind == "rare-groups":
        return Decision({"phase": "done"}, Edit(text, why))
    annealing: Annealing = {
        "phase": "annealing",
        "lam": lam,
        "until": step + over,
        "share": share,
        "over": over,
        "looks": 0,
    }
    return Decision(annealing, Edit(text, why))


def _off(mark: str) -> Decision:
    return Decision({"phase": "done"}, mark=mark)


LEARNT = 0.95
WIDE = 0.25
FROM = 8
"""Lambda is annealed from this many times its last value, over half as many steps as it was off."""
RARE = 0.3
"""Rare groups: the effective sample size is smaller than the batch by this share."""
