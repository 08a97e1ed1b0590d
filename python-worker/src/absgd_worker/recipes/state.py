"""The state of a recipe between two decisions: a JSON value."""

from __future__ import annotations

from typing import Literal, TypedDict


class Measuring(TypedDict):
    """Lambda is off, and the spread of the losses is measured over windows, each longer than the last."""

    phase: Literal["measuring"]
    seen: int
    """The last step that was seen; -1 before the first."""
    steps: int
    """How many steps were seen that count."""
    first: float
    """The sum of the mean losses of the first steps."""
    means: float
    """The sum of the mean losses of this window."""
    deviations: float
    """The sum of the standard deviations within a batch of this window."""
    begun: int
    """How many steps were seen when this window began."""
    end: int
    """How many steps are seen when it ends."""
    largest: float
    """The largest mean deviation of an earlier window."""
    windows: int
    """How many windows have ended."""
    settled: int
    """How many steps were seen when the spread had stopped growing; 0 before."""


class Annealing(TypedDict):
    """Lambda was chosen. Its effect is looked at once lambda is `lam`."""

    phase: Literal["annealing"]
    lam: float
    until: int
    """The first step at which lambda is `lam`."""
    share: float
    """The share of samples that lambda is to turn away from."""
    over: int
    """Steps that lambda is annealed over."""
    looks: int
    """How many times the effect was looked at."""


class Done(TypedDict):
    """Nothing is decided any more."""

    phase: Literal["done"]


RecipeState = Measuring | Annealing | Done


def start() -> RecipeState:
    """The state before the first step."""
    return {
        "phase": "measuring",
        "seen": -1,
        "steps": 0,
        "first": 0.0,
        "means": 0.0,
        "deviations": 0.0,
        "begun": 0,
        "end": FIRST_WINDOW,
        "largest": 0.0,
        "windows": 0,
        "settled": 0,
    }


def is_done(state: RecipeState) -> bool:
    """Whether a recipe decides nothing any more."""
    return state["phase"] == "done"


FIRST_WINDOW = 32
"""The number of steps of the first window."""
