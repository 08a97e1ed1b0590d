"""The weights of ABSGD: exp(loss/lam) of each sample, divided by a running estimate of its mean.

Source: arXiv 2012.06951, Algorithm 1. All formulas: proto/README.md, "The rule of weights".

    normaliser = Normaliser()
    weights_B, statistics = normaliser.weigh(losses_B, lam=2.0, gamma=0.9)
    weighted_loss(losses_B, weights_B).backward()
"""

from __future__ import annotations

from absgd_worker.weights.arithmetic import Statistics
from absgd_worker.weights.device import ControlsOnDevice, state_on, weigh_step
from absgd_worker.weights.normaliser import (
    Normaliser,
    Weighed,
    read_statistics,
    statistics_of_row,
    weighted_loss,
)
from absgd_worker.weights.presets import Rule

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
