"""The report of a step, as the training thread makes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor

    from absgd_worker.weights.statistics import Statistics


class StepEntry(NamedTuple):
    """The report of one step."""

    attempt: int
    step: int
    seconds: float
    """Duration of the step, without the wait for its row."""
    waits: int
    """How often training has waited for a row, since its start."""
    controls: dict[str, float]
    """The values that were applied."""
    statistics: Statistics | Tensor | None
    """On a device float64 [10], in the order of the fields; None for a batch without samples."""
    losses_B: Tensor
    """Detached, before weighting."""
    weights_B: Tensor
    indices_B: Tensor | None
    """int64, on the CPU; None if it is not known which samples these are."""
    keep_samples: bool
    """Whether losses, weights and indices are recorded."""
    metrics: dict[str, float | Tensor] | None
    """Numbers that the user logged in this step."""
    bare: tuple[float, float] | Tensor | None = None
    """KL and effective sample size of the weights before a class factor; on a device float64 [2]."""
    name: str = "loss"
    """The name of the loss of `statistics` and of the samples: the main one, if the step has it."""
    others: tuple[tuple[str, Statistics | Tensor], ...] = ()
    """Names and statistics of further weighed losses of the step."""
    labels_B: Tensor | None = None
    """Integers that the script gives, below 0 for none; None if it gives none."""
    ids: Sequence[str] | None = None
    """Names of the samples, if the script gives them."""
    has_main: bool = True
    """Whether `name` is the main loss of the run."""


MAX_CLASSES = 1000
"""With more classes the weight mass per class is not reported."""
