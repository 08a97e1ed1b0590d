"""The classic per-sample losses of a classifier: logits in, one loss a sample out, ready to be weighed.

All of them return losses [B]: float64 of float64 logits, float32 of all others, which are taken to float32
first. Everything goes through log-softmax, so that neither large logits nor probabilities of 0 make a loss
or a gradient infinite or NaN. Nothing waits for a device; the range of labels is checked by torch.

Where `ignore_index` is the label, the loss is 0. A weighing takes that for a sample learnt by heart, which a
negative lam attends to: keep such samples out of a batch that is weighed.

Shapes: B samples in a batch, C classes.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from absgd_worker.losses.arguments import check_batch, check_number, wide

__all__ = [
    "cross_entropy",
    "focal",
    "generalised_cross_entropy",
    "normalise_logits",
    "symmetric_cross_entropy",
]


def cross_entropy(
    logits_BC: Tensor, labels_B: Tensor, *, label_smoothing: float = 0.0, ignore_index: int = -100
) -> Tensor:
    """-log p_y, [B]: `torch.nn.functional.cross_entropy` without its average.

    `logits_BC`: floating, [B, C]. `labels_B`: int64, from 0 to C - 1. `label_smoothing` in [0, 1]: the share
    of the label that all classes get alike (arXiv 1512.00567).

    Raises TaskError for arguments of another shape, dtype or range.
    """
    check_batch(logits_BC, labels_B)
    check_number("label_smoothing", label_smoothing, 0 <= label_smoothing <= 1, "in [0, 1]")
    return F.cross_entropy(
        wide(logits_BC),
        labels_B,
        reduction="none",
        ignore_index=ignore_index,
        label_smoothing=label_smoothing,
    )


def focal(logits_BC: Tensor, labels_B: Tensor, *, gamma: float = 2.0, ignore_index: int = -100) -> Tensor:
    """-(1 - p_y)^gamma · log p_y, [B]: what is learnt already counts less (arXiv 1708.02002, equation 4).

    `gamma`: finite, from 0, which is cross-entropy. It is not the gamma of the rule of weights.

    Raises TaskError for arguments of another shape, dtype or range.
    """
    check_batch(logits_BC, labels_B)
    check_number("gamma", gamma, 0 <= gamma < math.inf, "finite and from 0")
    log_p_B = _log_p(logits_BC, labels_B, ignore_index)
    # At p = 1 the power has no finite slope for gamma below 1, though the product has.
    miss_B = -torch.expm1(log_p_B).clamp(max=-torch.finfo(log_p_B.dtype).tiny)
    return -log_p_B * miss_B.pow(gamma)


def symmetric_cross_entropy(
    logits_BC: Tensor,
    labels_B: Tensor,
    *,
    alpha: float = 0.1,
    beta: float = 1.0,
    log_zero: float = -4.0,
    ignore_index: int = -100,
) -> Tensor:
    """-alpha · log p_y - beta · log_zero · (1 - p_y), [B]: cross-entropy, and its roles exchanged.

    Symmetric cross-entropy, arXiv 1908.06112. `alpha` and `beta`: finite, from 0; their defaults are those of
    the paper for CIFAR-10 (CIFAR-100: 6 and 0.1). `log_zero`: what stands for log 0, finite and below 0; the
    paper's A.

    Raises TaskError for arguments of another shape, dtype or range.
    """
    check_batch(logits_BC, labels_B)
    check_number("alpha", alpha, 0 <= alpha < math.inf, "finite and from 0")
    check_number("beta", beta, 0 <= beta < math.inf, "finite and from 0")
    check_number("log_zero", log_zero, -math.inf < log_zero < 0, "finite and below 0")
    log_p_B = _log_p(logits_BC, labels_B, ignore_index)
    return -alpha * log_p_B + beta * log_zero * torch.expm1(log_p_B)


def generalised_cross_entropy(
    logits_BC: Tensor,
    labels_B: Tensor,
    *,
    q: float = 0.7,
    k: float | None = None,
    ignore_index: int = -100,
) -> Tensor:
    """(1 - p_y^q) / q, [B]: between cross-entropy (q towards 0) and the mean absolute error (q = 1).

    arXiv 1805.07836, equation 6. `q` in (0, 1]. With `k` in (0, 1) the paper's truncated loss: samples with
    p_y below k all have the loss (1 - k^q) / q, and no gradient, so that they are left out. The paper's k is
    0.5, from the middle of training on: at its start nothing is that probable, and nothing would be learnt.

    Raises TaskError for arguments of another shape, dtype or range.
    """
    check_batch(logits_BC, labels_B)
    check_number("q", q, 0 < q <= 1, "in (0, 1]: for 0 use cross_entropy")
    log_p_B = _log_p(logits_BC, labels_B, ignore_index)
    if k is not None:
        check_number("k", k, 0 < k < 1, "in (0, 1), or None")
        log_p_B = log_p_B.clamp(min=math.log(k))
    return -torch.expm1(q * log_p_B) / q


def normalise_logits(logits_BC: Tensor, tau: float) -> Tensor:
    """z / ‖z‖^tau with the Euclidean norm of every row, [B, C]: for any of the losses.

    `tau` in [0, 1]: 0 changes nothing, 1 puts the logits on the unit sphere, where cross-entropy lies between
    1.42 and 3.29 for 10 classes: choose lam for so small a spread. A row of zeros has no direction and stays
    as it is, as if its norm were 1; of others the largest logit counts as 1e-12 at least. As in the code of
    the authors of arXiv 2012.06951, `class_tau` there.

    Raises TaskError for arguments of another shape, dtype or range.
    """
    check_batch(logits_BC, None)
    check_number("tau", tau, 0 <= tau <= 1, "in [0, 1]")
    z_BC = wide(logits_BC)
    if tau == 0:
        return z_BC
    # Squares of large logits overflow: the norm is taken of what the largest is divided out of.
    largest_B1 = z_BC.detach().abs().amax(dim=1, keepdim=True)
    largest_B1 = largest_B1.masked_fill(largest_B1 == 0, 1.0).clamp(min=1e-12)
    unit_BC = z_BC / largest_B1
    norm_B1 = torch.linalg.vector_norm(unit_BC, dim=1, keepdim=True).clamp(min=1.0)
    return unit_BC * largest_B1.pow(1 - tau) / norm_B1.pow(tau)


def _log_p(logits_BC: Tensor, labels_B: Tensor, ignore_index: int) -> Tensor:
    """log p_y, [B]; 0 where the label is `ignore_index`."""
    log_p_BC = F.log_softmax(wide(logits_BC), dim=1)
    return -F.nll_loss(log_p_BC, labels_B, reduction="none", ignore_index=ignore_index)
