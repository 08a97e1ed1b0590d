"""Recipes: lambda chosen from the losses of a script, in their own units. Pure: no torch, no clock."""

from absgd_worker.recipes.choose import Decision, Edit
from absgd_worker.recipes.decide import Report, decide
from absgd_worker.recipes.recipe import KINDS, Kind, Recipe, RecipeError, recipe_of
from absgd_worker.recipes.state import RecipeState, is_done, start

__all__ = [
    "KINDS",
    "Decision",
    "Edit",
    "Kind",
    "Recipe",
    "RecipeError",
    "RecipeState",
    "Report",
    "decide",
    "is_done",
    "recipe_of",
    "start",
]
