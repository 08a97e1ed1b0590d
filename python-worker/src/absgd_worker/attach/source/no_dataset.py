"""A data set that nobody has described."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class NoDataset:
    """What telemetry asks of a task, where there is none."""

    size: int = 0
    labels: object = None
    true_labels: object = None
    ids: Sequence[str] | None = None
    num_classes: int | None = None
