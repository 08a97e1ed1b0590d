"""The rule of weights: exp(loss/lam) over a running estimate of its mean.

Paper: ABSGD, arXiv 2012.06951, Algorithm 1.
"""

from __future__ import annotations

from absgd_worker.weights.arithmetic import Statistics
from absgd_worker.weights.normaliser import Normaliser, Weighed, read_statistics, weighted_loss
from absgd_worker.weights.presets import Rule

__all__ = ["Normaliser", "Rule", "Statistics", "Weighed", "read_statistics", "weighted_loss"]
