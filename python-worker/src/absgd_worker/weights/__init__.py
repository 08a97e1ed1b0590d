"""The weights of ABSGD: exp(loss/lam) of each sample, divided by a running estimate of its mean.

Source: arXiv 2012.06951, Algorithm 1. All formulas: proto/README.md, "The rule of weights".

    normaliser = Normaliser()
    weights_B, statistics = normaliser.weigh(losses_B, lam=2.0, gamma=0.9)
    weighted_loss(losses_B, weights_B).backward()

Importing this package imports torch once one of the classes and functions that need it is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from absgd_worker.weights.presets import Rule
from absgd_worker.weights.statistics import Statistics

if TYPE_CHECKING:
    from absgd_worker.weights.device import ControlsOnDevice, state_on, weigh_step
    from absgd_worker.weights.normaliser import (
        Normaliser,
        Weighed,
        read_statistics,
        statistics_of_row,
        weighted_loss,
    )

__all__ = [
    "ControlsOnDevice",
    "Normaliser",
    "Rule",
    "Statistics",
    "Weighed",
    "read_statistics",
    "state_on",
    "statistics_of_row",
    "weigh_step",
    "weighted_loss",
]

_OF_DEVICE = frozenset(("ControlsOnDevice", "state_on", "weigh_step"))


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = "device" if name in _OF_DEVICE else "normaliser"
    found = globals()[name] = getattr(importlib.import_module(f"absgd_worker.weights.{module}"), name)
    return found
