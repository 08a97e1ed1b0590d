"""Figures that readers derive from the statistics of a weighing: the twin of `src/weighting/diagnostics.ts`.

There are two effective sample sizes (ESS): that of the applied weights, which includes a class factor, and
that of the weights before it. `class_balance.py` reports the second one, computed by the same function.
Formulas: proto/README.md, "The rule of weights".
"""

from __future__ import annotations

import math

from absgd_worker.weights.statistics import Statistics


def ess_of_applied_weights(statistics: Statistics) -> float:
    """Kish's effective sample size (Σw)²/Σw², from 1 to n; NaN where all weights are too small."""
    return statistics.sum_w**2 / statistics.sum_w2 if statistics.sum_w2 > 0 else math.nan


def ess_ratio_of_applied_weights(statistics: Statistics) -> float:
    """`ess_of_applied_weights` over the batch size n: in (0, 1], 1 where the weights are even, or NaN."""
    return ess_of_applied_weights(statistics) / statistics.n


def weighted_mean_loss(statistics: Statistics) -> float:
    """Mean loss under the normalised weights, Σwℓ/Σw, in units of loss; NaN where all are too small."""
    return statistics.sum_wl / statistics.sum_w if statistics.sum_w > 0 else math.nan


def effective_learning_rate(lr: float, statistics: Statistics) -> float:
    """lr·Σw: the learning rate that has the same effect on even weights."""
    return lr * statistics.sum_w
