"""What absgd-run says first and last, each in one sentence of plain words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from absgd_worker.attach.checks.turned_away import TurnedAway
from absgd_worker.attach.source.lambda_edits import LambdaEdit
from absgd_worker.attach.source.settings import Control, Scheduled
from absgd_worker.console import count
from absgd_worker.recipes import Recipe

FIRST = {
    "wrong-labels": (
        "measures its losses with lambda off, then turns away from samples whose labels look wrong"
    ),
    "rare-groups": "measures its losses with lambda off, then attends to the samples that it finds hardest",
    "off": "measures its losses, and changes nothing",
}


def first_words(
    script: str, *, lam: Control | None, recipe: Recipe | None, plan: str | Path | None, run: str | None
) -> str:
    """What absgd-run will do."""
    if recipe is not None:
        what = FIRST[recipe.kind]
    elif plan is not None:
        what = f"weighs its losses with the lambda of {plan}"
    elif lam is None or (isinstance(lam, float) and math.isinf(lam)):
        what = "uses the lambda that it sets itself, if any (--recipe and --lam set one)"
    elif callable(lam):
        what = "weighs its losses with a lambda that is a function of the step"
    else:
        value = str(lam) if isinstance(lam, Scheduled) else f"{lam:g} from the first step on"
        what = f"weighs its losses, lambda {value}"
    recorded = "" if run is None else f', and records them as the run "{run}"'
    return f"trains {script} as it stands, and {what}{recorded}"


def last_words(
    steps: int, away: TurnedAway | None, edits: Sequence[LambdaEdit], recipe: Recipe | None, run: str | None
) -> list[str]:
    """What has happened to lambda in `steps` steps; nothing if it was off and nothing was recorded."""
    said: list[str] = []
    backed_off = [edit for edit in edits if edit.by == "guard"]
    if away is not None:
        lately = f"in the last {count(away.steps, 'step')} with lambda on"
        said.append(
            f"lambda was {away.lam:.3g} at the end; {lately} it took {_percent(away.share)} of the weight "
            "away"
        )
    if backed_off:
        times = _times(len(backed_off))
        said.append(f"the guard has backed lambda off {times}, from step {backed_off[0].step} on")
    elif away is not None and recipe is not None:
        said.append("the guard did not act")
    if away is None and recipe is not None and recipe.kind != "off":
        said.append(f"the recipe left lambda off in all of {count(steps, 'step')}")
    if run is not None:
        said.append(f"to look at it: absgd watch {run}, absgd show {run}, absgd samples {run}")
    return said


def _percent(share: float) -> str:
    return f"{math.floor(100 * share + 0.5)} %"


def _times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number} times")
