"""Estimates the share of wrong labels from the losses of a model that lambda has not changed yet.

A model that has learnt what most labels agree on gives a wrong label less probability than a model that has
learnt nothing: its loss is above that of the first steps. Labels that are wrong in the same way in a whole
class look like hard samples instead, and are not counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from absgd_worker.recipes.spread import Losses, mean_easy_loss, share_above
from absgd_worker.recipes.words import percent, shown


class Estimate(NamedTuple):
    share: float | None
    """None: it cannot be told, or is no larger than that of hard samples with right labels."""
    why: str


def estimate_share(batches: Sequence[Losses], first: float) -> Estimate:
    """The share of wrong labels.

    Args:
        batches: usable ones.
        first: the mean loss of the first steps.
    """
    if mean_easy_loss(batches) > EASY * first:
        return Estimate(
            None, f"no tenth of them has a loss below {shown(EASY * first)}, too few to tell wrong labels"
        )
    above = share_above(batches, first)
    found = (
        f"{percent(above.mean)} ± {percent(1.96 * above.error)} of the samples have a loss above "
        f"{shown(first)}, the mean of the first steps"
    )
    if above.mean < LEAST:
        return Estimate(None, f"{found}, no more than hard samples with right labels may be")
    return Estimate(min(MOST, above.mean), found)


EASY = 0.5
LEAST = 0.1
"""Without a wrong label, 6 to 9 % of Fashion-MNIST were above the limit."""
MOST = 0.55
