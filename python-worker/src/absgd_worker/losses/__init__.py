"""Common per-sample losses of classifiers, to be weighed: from logits [B, C] and labels [B] to losses [B].

The losses are float64 for float64 logits, and float32 for all others, which are converted to float32 first.
All use log-softmax, so that large logits and probabilities of 0 give finite losses and gradients. No function
waits for a device; torch checks the range of the labels.

A sample with the label `ignore_index` has the loss 0. A negative lam would give it a high weight: leave such
samples out of a batch that is weighed.

Shapes: B samples in a batch, C classes.
"""

from __future__ import annotations

from absgd_worker.losses.classification import (
    cross_entropy,
    focal,
    generalised_cross_entropy,
    normalise_logits,
    symmetric_cross_entropy,
)
from absgd_worker.losses.long_tail import balanced_softmax, ldam

__all__ = [
    "balanced_softmax",
    "cross_entropy",
    "focal",
    "generalised_cross_entropy",
    "ldam",
    "normalise_logits",
    "symmetric_cross_entropy",
]
