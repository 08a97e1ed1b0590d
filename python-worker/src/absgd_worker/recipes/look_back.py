"""Looks at what lambda has done, and corrects it. Losses answer to lambda: a sample without weight is not
learnt, and its loss rises. So the lambda of the measured losses takes away more or less than it should."""

from __future__ import annotations

from collections.abc import Sequence

from absgd_worker.recipes.choose import Decision, Edit
from absgd_worker.recipes.spread import Losses, share_turned_away, solve_lambda
from absgd_worker.recipes.state import Annealing
from absgd_worker.recipes.words import percent, shown
from absgd_worker.schedules import format_number


def look_back(state: Annealing, batches: Sequence[Losses], step: int) -> Decision:
    """What follows from usable batches trained since lambda is what it is; nothing if they are few."""
    batches = batches[-BATCHES:]
    if len(batches) < BATCHES:
        return Decision(state)
    lam, share = state["lam"], state["share"]
    away = share_turned_away(batches, lam)
    taken = (
        f"lambda {shown(lam)} takes {percent(away.mean)} ± {percent(1.96 * away.error)} of the weight away"
    )
    if away.mean < max(LEAST_SHARE, FEW * share):
        why = f"{taken}, far less than the {percent(share)} of wrong labels for which it was chosen"
        return Decision({"phase": "done"}, Edit("off", why))
    solved = solve_lambda(batches, 1 - share, -1) or lam
    # Fewer than the share stand apart: a smaller |lambda| would take hard samples for wrong ones.
    smallest = 1.0 if state["looks"] == 0 and away.mean < APART * share else SMALLEST
    factor = min(LARGEST, max(smallest, solved / lam))
    if state["looks"] == CORRECTIONS or abs(factor - 1) < TOLERANCE:
        mark = f"{taken}, over {BATCHES} steps: about that share of the labels looks wrong"
        return Decision({"phase": "done"}, mark=mark)
    new, over = float(f"{factor * lam:.2g}"), max(LEAST_OVER, state["over"] // 2)
    corrected: Annealing = {**state, "lam": new, "until": step + over, "looks": state["looks"] + 1}
    text = f"exponential({format_number(lam)}, {format_number(new)}, over={over})"
    why = f"{taken}; by the losses since then, lambda {shown(solved)} would take {percent(share)} away"
    return Decision(corrected, Edit(text, why))


BATCHES = 64
LEAST_SHARE = 0.04
FEW = 0.25
SMALLEST, LARGEST = 0.6, 2.0
"""The factors of one correction."""
APART = 0.8
TOLERANCE = 0.1
CORRECTIONS = 2
LEAST_OVER = 16
