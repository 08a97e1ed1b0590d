"""Writes recipes.json: what recipes decide from series of losses.

A series is made by arithmetic that both languages have: sample i of step t has the loss `loss_of(…)` below,
    in float64. `test/schedule/recipe/golden.test.ts` and `python-worker/tests/recipes/test_recipes.py` read
    it.

    PYTHONPATH=python-worker/src python proto/golden/recipes.py     rewrites recipes.json beside this file
"""

from __future__ import annotations

import json
from pathlib import Path

from absgd_worker.recipes import Report, decide, is_done, recipe_of, start
from absgd_worker.recipes.decide import EVERY, LAG, WINDOW

SERIES = [
    {"kind": "wrong-labels", "wrong": 0.3, "share": 0.3, "steps": 960},
    {"kind": "wrong-labels", "wrong": 0.2, "share": 0.2, "steps": None},
    {"kind": "wrong-labels", "wrong": None, "share": 0.1, "steps": 2000},
    {"kind": "wrong-labels", "wrong": None, "share": 0.4, "steps": 700},
    {"kind": "wrong-labels", "wrong": 0.4, "share": 0.0, "steps": 960},
    {"kind": "wrong-labels", "wrong": None, "share": 0.0, "steps": None},
    {"kind": "rare-groups", "wrong": None, "share": 0.1, "steps": 960},
    {"kind": "off", "wrong": None, "share": 0.3, "steps": 960},
    {"kind": "wrong-labels", "wrong": None, "share": 0.0, "steps": None, "oneGroup": True},
    {"kind": "wrong-labels", "wrong": 0.3, "share": 0.02, "steps": 960},
    {"kind": "wrong-labels", "wrong": 0.3, "share": 0.3, "steps": 960, "learns": False},
    {"kind": "wrong-labels", "wrong": 0.3, "share": 0.3, "steps": 960, "notFinite": 7},
    {"kind": "wrong-labels", "wrong": 0.3, "share": 0.3, "steps": 960, "scale": 1000.0},
    {"kind": "wrong-labels", "wrong": 0.1, "share": 0.3, "steps": 960},
    {"kind": "wrong-labels", "wrong": None, "share": 0.3, "steps": 960, "easy": 1.5},
]
SIZE = 48


def loss_of(series: dict, step: int, i: int) -> float:
    """A loss that falls for right labels, and rises for wrong ones."""
    number = step * SIZE + i
    noise = (number * 7919 % 1009) / 1009
    learnt = 0.0 if series.get("learns") is False else min(1.0, step / 120)
    is_wrong = (number * 613 % 1000) / 1000 < series["share"]
    spread = 0.4 if series.get("oneGroup") else 0.1 * max(0.02, 1 - step / 400)
    easy = 2.3 * (1 - learnt) + learnt * spread * noise * noise + learnt * series.get("easy", 0.0)
    hard = 2.3 + learnt * 1.5 * noise
    loss = (hard if is_wrong else easy) + 0.05 * noise * (1 if series.get("oneGroup") else 1 - learnt)
    return float("nan") if series.get("notFinite") == step else loss * series.get("scale", 1.0)


def decisions(series: dict) -> list[dict]:
    """The decisions other than those that only measure."""
    recipe = recipe_of(series["kind"], series["wrong"], series["steps"])
    losses = [[loss_of(series, step, i) for i in range(SIZE)] for step in range(900)]
    state, found = start(), []
    for step in range(0, 900, EVERY):
        if is_done(state):
            break
        known = range(max(0, step - LAG - WINDOW + 1), max(0, step - LAG + 1))
        made = decide(recipe, [Report(known_step, losses[known_step]) for known_step in known], state, step)
        state = made.state
        if made.edit is not None or made.mark:
            edit = None if made.edit is None else {"text": made.edit.text, "why": made.edit.why}
            found.append({"step": step, "edit": edit, "mark": made.mark})
    return found


def main() -> None:
    golden = {
        "size": SIZE,
        "series": [{**series, "decisions": decisions(series)} for series in SERIES],
    }
    file = Path(__file__).with_suffix(".json")
    file.write_text(json.dumps(golden, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
