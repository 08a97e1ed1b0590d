"""Losses that have no loss of one sample, by the names of their criteria."""

from __future__ import annotations

from functools import lru_cache


@lru_cache(maxsize=256)
def reason_of_pairs(name: str) -> str | None:
    """Why a criterion of this name has no loss of one sample, whatever it is made of; None for other names.

    `name`: of a class or function. Nothing inside of such a criterion is weighed.
    """
    return _first(name, _OF_PAIRS)


@lru_cache(maxsize=256)
def reason_of_own_reduction(name: str) -> str | None:
    """Why a criterion of this name that gives one number is not weighed; None for other names.

    Losses inside of it that can be seen are weighed.
    """
    return _first(name, _WITH_OWN_REDUCTION)


def refusal_of_criterion(criterion: str, reason: str) -> str:
    """What is said of a wrapped criterion that is not weighed. `criterion`: its name."""
    return (
        f'{criterion} cannot be weighed per sample: {reason}. Give it reduction="none", if it has that, and '
        "reduce its losses by mean() or sum(); or weigh what you make of them with "
        "absgd_worker.weigh(losses); or leave it out of wrap, which leaves it as it is"
    )


def _first(name: str, reasons: dict[str, str]) -> str | None:
    small = name.lower()
    return next((reason for part, reason in reasons.items() if part in small), None)


_PAIRS = "its terms belong to pairs of samples"
_OF_PAIRS = {
    "jsd": "it compares the predictions of several views of a sample",
    "triplet": _PAIRS,
    "contrast": _PAIRS,
    "supcon": _PAIRS,
    "ntxent": _PAIRS,
    "infonce": _PAIRS,
}
_WITH_OWN_REDUCTION = {"ctc": "it divides by the length of each target itself"}
"""By a part of the name of a class or function, in small letters; likewise above."""
