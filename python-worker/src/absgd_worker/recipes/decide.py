"""The decisions of a recipe. Pure: the same reports and state give the same decision.

1. Lambda is off, and the standard deviation of the losses within a batch is measured. It grows while the
   model learns what most samples have in common, and the losses of the others stay high.
2. When it has stopped growing, as many steps again follow in which the losses of hard samples fall. Then
   lambda is chosen: the one at which the effective sample size of the newest batches is the share of right
   labels. It is annealed to there from a larger |lambda|. (For rare groups, lambda is chosen at once.)
3. Losses answer to lambda. So it is looked at what share of the weight is taken away, and lambda is corrected
   to what takes away the share of wrong labels. If it is far below that share, lambda is off again.

docs/schedules.md, "Recipes", has the figures behind the numbers. `src/schedule/recipe/` is the same in
TypeScript, bound by proto/golden/recipes.json.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from absgd_worker.recipes.choose import Decision, Measured, choose
from absgd_worker.recipes.look_back import BATCHES, look_back
from absgd_worker.recipes.recipe import Recipe
from absgd_worker.recipes.spread import Losses, is_usable, mean_and_deviation
from absgd_worker.recipes.state import Measuring, RecipeState


class Report(NamedTuple):
    """A step that was trained, and the unweighted losses of its samples, float32 [B]."""

    step: int
    losses: Losses


def decide(recipe: Recipe, reports: Sequence[Report], state: RecipeState, step: int) -> Decision:
    """The decision for `step`, which comes every `EVERY` steps.

    Args:
        reports: the newest `WINDOW` of the steps up to `step - LAG`, ascending.
        state: of the decision before; at first `start()`.
    """
    usable = [report for report in reports if is_usable(report.losses)]
    if state["phase"] == "measuring":
        return _measure(recipe, usable, state, step)
    if state["phase"] == "annealing":
        reached = [report.losses for report in usable if report.step >= state["until"]]
        return look_back(state, reached, step)
    return Decision(state)


def _measure(recipe: Recipe, reports: Sequence[Report], before: Measuring, step: int) -> Decision:
    state = before.copy()
    for number, report in enumerate(reports):
        if report.step <= state["seen"]:
            continue
        mean, deviation = mean_and_deviation(report.losses)
        state["seen"] = report.step
        state["steps"] += 1
        state["means"] += mean
        state["deviations"] += deviation
        if state["steps"] <= FIRST_STEPS:
            state["first"] += mean
        if state["steps"] < state["end"]:
            continue
        measured = _window(state, report.step)
        if not state["settled"] and state["windows"] >= 2 and measured.has_learnt:
            grows = measured.deviation > GROWTH * state["largest"]
            state["settled"] = 0 if grows else state["steps"]
        if _ends(recipe, state):
            # Those of this window alone: the model of earlier ones has learnt less.
            count = min(BATCHES, state["steps"] - state["begun"])
            batches = [each.losses for each in reports[max(0, number + 1 - count) : number + 1]]
            return choose(recipe, batches, measured, step)
        state["largest"] = max(state["largest"], measured.deviation)
        state["windows"] += 1
        state["begun"], state["means"], state["deviations"] = state["steps"], 0.0, 0.0
        state["end"] = max(state["steps"] + LEAST_WINDOW, math.floor(state["steps"] * LONGER))
    return Decision(state)


def _window(state: Measuring, step: int) -> Measured:
    count = state["steps"] - state["begun"]
    first = state["first"] / min(state["steps"], FIRST_STEPS)
    return Measured(step, state["means"] / count, state["deviations"] / count, first)


def _ends(recipe: Recipe, state: Measuring) -> bool:
    limit = MOST_STEPS if recipe.steps is None else math.floor(recipe.steps / 4)
    if state["steps"] * LONGER > limit:
        return True
    wait = 1 if recipe.kind == "rare-groups" else WAIT
    return state["settled"] > 0 and state["steps"] >= wait * state["settled"]


LAG = 32
"""A decision for a step rests on reports of steps that are this much earlier."""
EVERY = 16
WINDOW = 96
"""Enough for `BATCHES` up to the end of a window that ended since the decision before."""
FIRST_STEPS = 10
LONGER = 1.25
"""The number of steps at the end of a window, over that at its beginning."""
LEAST_WINDOW = 8
GROWTH = 1.05
WAIT = 2
"""Wrong labels: lambda is chosen after this many times the steps until the spread had stopped growing."""
MOST_STEPS = 2000
"""Measuring ends here if the length of the training is unknown; else after a quarter of it."""
