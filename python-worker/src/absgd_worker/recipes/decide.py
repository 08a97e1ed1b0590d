"""The decisions of a recipe. Pure: the same reports and state give the same decision.

1. Lambda is off, and the standard deviation of the losses within a batch is measured. It grows while the
   model learns what most samples have in common, and the losses of the others stay high.
2. When it has stopped growing, lambda is chosen: the one at which the effective sample size of those batches
   is the share of right labels, times a factor, as the losses go on separating. It is annealed to there from
   a larger |lambda|.
3. After that, the weight that lambda has taken away is the share of samples it turns away from: an estimate
   of the share of wrong labels. If that is far below what was assumed, or samples lie in between, lambda is
   off again.

docs/schedules.md, "Recipes", has the figures behind the numbers. `src/schedule/recipe/` is the same in
TypeScript, bound by proto/golden/recipes.json.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from absgd_worker.recipes.choose import Edit, Measured, choose
from absgd_worker.recipes.recipe import Recipe
from absgd_worker.recipes.spread import (
    Losses,
    between_share,
    ess_ratio,
    is_usable,
    mean_and_deviation,
)
from absgd_worker.recipes.state import Annealing, Measuring, RecipeState


class Report(NamedTuple):
    """A step that was trained, and the unweighted losses of its samples, float32 [B]."""

    step: int
    losses: Losses


class Decision(NamedTuple):
    """What follows from the reports so far."""

    state: RecipeState
    edit: Edit | None = None
    """Lambda from this step on; None: as it is."""
    mark: str = ""
    """A sentence for people, without an edit."""


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
        return _look_back(recipe, usable, state)
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
        if _ends(recipe, state, measured):
            batches = [each.losses for each in reports[max(0, number + 1 - BATCHES) : number + 1]]
            return _chosen(recipe, batches, measured, step)
        state["largest"] = max(state["largest"], measured.deviation)
        state["windows"] += 1
        state["begun"], state["means"], state["deviations"] = state["steps"], 0.0, 0.0
        state["end"] = max(state["steps"] + LEAST_WINDOW, math.floor(state["steps"] * LONGER))
    return Decision(state)


def _window(state: Measuring, step: int) -> Measured:
    count = state["steps"] - state["begun"]
    first = state["first"] / min(state["steps"], FIRST_STEPS)
    return Measured(step, state["means"] / count, state["deviations"] / count, first)


def _ends(recipe: Recipe, state: Measuring, measured: Measured) -> bool:
    limit = MOST_STEPS if recipe.steps is None else math.floor(recipe.steps / 4)
    if state["steps"] * LONGER > limit:
        return True
    grows = measured.deviation > GROWTH * state["largest"]
    return state["windows"] >= 2 and measured.has_learnt and not grows


def _chosen(recipe: Recipe, batches: Sequence[Losses], measured: Measured, step: int) -> Decision:
    choice = choose(recipe, batches, measured, step)
    if choice.edit is None:
        return Decision({"phase": "done"}, None, choice.mark)
    if recipe.kind != "wrong-labels":
        return Decision({"phase": "done"}, choice.edit)
    annealing: Annealing = {"phase": "annealing", "lam": choice.lam, "until": step + choice.over}
    return Decision(annealing, choice.edit)


def _look_back(recipe: Recipe, reports: Sequence[Report], state: Annealing) -> Decision:
    batches = [report.losses for report in reports if report.step >= state["until"]][-BATCHES:]
    if len(batches) < BATCHES:
        return Decision(state)
    shares = [1 - ess_ratio(losses, state["lam"]) for losses in batches]
    share, deviation = mean_and_deviation(shares)
    error = deviation / math.sqrt(len(shares) - 1)
    lam = _two_digits(state["lam"])
    between = between_share(batches, state["lam"])
    if between > MOST_BETWEEN:
        why = (
            f"the losses are not in two groups: at lambda {lam}, {_percent(between)} of the samples have "
            "between a tenth and seven tenths of the weight of the easy ones"
        )
        return Decision({"phase": "done"}, Edit("off", why))
    found = f"about {_percent(share)} ± {_percent(1.96 * error)} of the labels look wrong"
    if share >= max(LEAST_SHARE, recipe.assumed / 4):
        mark = f"{found}: lambda {lam} takes that much of the weight away, over {BATCHES} steps"
        return Decision({"phase": "done"}, None, mark)
    why = f"{found}, far fewer than {_percent(recipe.assumed)}, for which lambda {lam} was chosen"
    return Decision({"phase": "done"}, Edit("off", why))


def _percent(share: float) -> str:
    return f"{math.floor(100 * share + 0.5)} %"


def _two_digits(value: float) -> str:
    return f"{float(f'{value:.2g}'):g}"


LAG = 32
"""A decision for a step rests on reports of steps that are this much earlier."""
EVERY = 16
WINDOW = 96
"""Enough for `BATCHES` up to the end of a window that ended since the decision before."""
BATCHES = 64
FIRST_STEPS = 10
LONGER = 1.25
"""The number of steps at the end of a window, over that at its beginning."""
LEAST_WINDOW = 8
GROWTH = 1.05
MOST_STEPS = 2000
"""Measuring ends here if the length of the training is unknown; else after a quarter of it."""
LEAST_SHARE = 0.04
MOST_BETWEEN = 0.25
"""Of wrong labels it is below 0.1, of a distribution with one peak above 0.35."""
