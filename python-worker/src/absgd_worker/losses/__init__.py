"""The classic per-sample losses of a classifier: logits in, one loss a sample out, ready to be weighed.

All of them return losses [B]: float64 of float64 logits, float32 of all others, which are taken to float32
first. Everything goes through log-softmax, so that neither large logits nor probabilities of 0 make a loss
or a gradient infinite or NaN. Nothing waits for a device; the range of labels is checked by torch.

Where `ignore_index` is the label, the loss is 0. A weighing takes that for a sample learnt by heart, which a
negative lam attends to: keep such samples out of a batch that is weighed.

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
