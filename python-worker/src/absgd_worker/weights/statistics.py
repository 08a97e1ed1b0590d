"""The statistics of the weights of a batch. This file does not import torch."""

from __future__ import annotations

from typing import NamedTuple


class Statistics(NamedTuple):
    """The statistics of the weights of one batch. Formulas: proto/README.md, "The rule of weights"."""

    n: int
    """B, the number of samples, from 1."""
    m: float
    """log mean exp(loss/lam); NaN if all weights are 1/B: lam is off, or a loss is not finite."""
    sum_w: float
    """Σw, the factor of the learning rate. In [exp(-5), 2] with the preset `default`."""
    sum_w2: float
    """Σw²; the effective sample size is (Σw)²/Σw², from 1 to B."""
    sum_wl: float
    """Σ w·loss, the scalar that is differentiated."""
    max_w: float
    """The largest weight."""
    mean_loss: float
    """The unweighted mean of the losses, which shows the progress of training."""
    free_energy: float
    """lam·log(normaliser) after the batch, in units of the loss; NaN before the first estimate."""
    capped: int
    """-1: the normaliser is at its lower bound (Σw = 2); +1: at its upper one (Σw = exp(-5)); 0: neither."""
    non_finite: int
    """The number of losses that are NaN or infinite."""
