"""The dataset of a script: nothing is known of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class NoDataset:
    """Takes the place of a task in `Telemetry`."""

    size: int = 0
    labels: object = None
    true_labels: object = None
    ids: Sequence[str] | None = None
    num_classes: int | None = None
