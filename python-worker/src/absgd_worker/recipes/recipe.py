"""What a user asks for: the name of a recipe, and what is known of the data."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

from absgd_worker.errors import WorkerError

Kind = Literal["wrong-labels", "rare-groups", "off"]
KINDS: tuple[Kind, ...] = get_args(Kind)


class RecipeError(WorkerError, ValueError):
    """A recipe that does not exist, or an argument outside of its range."""


class Recipe(NamedTuple):
    """A recipe.

    Attributes:
        kind: "wrong-labels" turns away from the samples with the highest losses, "rare-groups" attends to
            them, "off" measures and leaves lambda off.
        wrong: the share of wrong labels as far as it is known, in (0, 0.6); None: it is estimated.
        steps: how many optimizer steps the training has; None: unknown.
    """

    kind: Kind
    wrong: float | None = None
    steps: int | None = None

    def __str__(self) -> str:
        return self.kind if self.wrong is None else f"{self.kind}, {100 * self.wrong:g} % wrong"


def recipe_of(kind: str, wrong: float | None = None, steps: int | None = None) -> Recipe:
    """Checks the arguments of a recipe.

    Raises:
        RecipeError: there is no such recipe, or an argument is outside of its range.
    """
    if kind not in KINDS:
        raise RecipeError(f"there is no recipe {kind!r}: use one of {', '.join(KINDS)}")
    if wrong is not None and kind != "wrong-labels":
        raise RecipeError(f"a share of wrong labels is no part of the recipe {kind}: use wrong-labels")
    if wrong is not None and not 0 < wrong < MOST_WRONG:
        raise RecipeError(
            f"the share of wrong labels is {wrong:g}, must be above 0 and below {MOST_WRONG:g}: 0.2 means "
            "that two labels of ten are wrong. Leave it out if it is unknown"
        )
    if steps is not None and steps < LEAST_STEPS:
        raise RecipeError(
            f"the training has {steps} steps, and a recipe needs at least {LEAST_STEPS} to measure the "
            "losses and to anneal lambda: train longer, or set lambda yourself"
        )
    return Recipe(kind, wrong, steps)


MOST_WRONG = 0.6
LEAST_STEPS = 256
