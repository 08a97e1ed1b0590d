"""Recipes: what they decide, against proto/golden/recipes.json, and what they refuse."""

from __future__ import annotations

import importlib.util
import json

import pytest

from absgd_worker.recipes import RecipeError, recipe_of
from absgd_worker.schedules import check_control, parse_schedule
from project import GOLDEN

spec = importlib.util.spec_from_file_location("golden_recipes", GOLDEN / "recipes.py")
assert spec is not None
assert spec.loader is not None
made_by = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made_by)
golden = json.loads((GOLDEN / "recipes.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("series", golden["series"], ids=lambda one: f"{one['kind']}-{one['share']}")
def test_a_recipe_decides_as_the_vectors_say(series):
    assert made_by.decisions(series) == series["decisions"]


def test_every_lambda_that_is_chosen_is_a_schedule_that_can_be_pasted():
    texts = [
        decision["edit"]["text"]
        for series in golden["series"]
        for decision in series["decisions"]
        if decision["edit"] is not None
    ]
    assert len(texts) > 8
    for text in texts:
        check_control("lambda", parse_schedule(text))


def test_lambda_follows_the_unit_of_the_losses():
    plain, scaled = (
        next(one for one in golden["series"] if (one["share"], one.get("scale")) == (0.3, scale))
        for scale in (None, 1000.0)
    )
    assert "exponential(-" in plain["decisions"][0]["edit"]["text"]
    numbers = [
        float(one["decisions"][0]["edit"]["text"].split(", ")[1].rstrip(",")) for one in (plain, scaled)
    ]
    assert numbers[1] == pytest.approx(1000 * numbers[0], rel=0.02)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("clean",), "there is no recipe 'clean': use one of wrong-labels, rare-groups, off"),
        (("wrong-labels", 0.0), "must be above 0 and below 0.6"),
        (("wrong-labels", 0.6), "must be above 0 and below 0.6"),
        (("rare-groups", 0.2), "no part of the recipe rare-groups"),
        (("wrong-labels", 0.2, 255), "the training has 255 steps, and a recipe needs at least 256"),
    ],
)
def test_what_is_outside_of_its_range_is_refused(arguments, message):
    with pytest.raises(RecipeError, match=message):
        recipe_of(*arguments)
