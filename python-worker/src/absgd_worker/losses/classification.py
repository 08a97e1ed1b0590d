"""Common per-sample losses of classifiers, to be weighed: from logits [B, C] and labels [B] to losses [B].

The losses are float64 for float64 logits, and float32 for all others, which are converted to float32 first.
All use log-softmax, so that large logits and probabilities of 0 give finite losses and gradients. No function
waits for a device; torch checks the range of the labels.

A sample with the label `ignore_index` has the loss 0. A negative lam would give it a high weight: leave such
samples out of a batch that is weighed.

Shapes: B samples in a batch, C classes.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from absgd_worker.losses.arguments import at_least_float32, check_batch, check_number

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

    Args:
        logits_BC: [B, C], floating.
        labels_B: [B], int64, from 0 to C - 1, or `ignore_index`.
        label_smoothing: in [0, 1], the part of each label that is spread over all classes (arXiv 1512.00567).
        ignore_index: samples with this label have the loss 0.

    Raises:
        TaskError: an argument has another shape, dtype or range.
    """
    check_batch(logits_BC, labels_B)
    check_number("label_smoothing", label_smoothing, 0 <= label_smoothing <= 1, "in [0, 1]")
    return F.cross_entropy(
        at_least_float32(logits_BC),
        labels_B,
        reduction="none",
        ignore_index=ignore_index,
        label_smoothing=label_smoothing,
    )


def focal(logits_BC: Tensor, labels_B: Tensor, *, gamma: float = 2.0, ignore_index: int = -100) -> Tensor:
    """Focal loss, -(1 - p_y)^gamma · log p_y, [B]: samples with a high p_y count less.

    Source: arXiv 1708.02002, equation 4.

    Args:
        logits_BC: [B, C], floating.
        labels_B: [B], int64, from 0 to C - 1, or `ignore_index`.
        gamma: finite, from 0, which is cross-entropy. It is not the gamma of the rule of weights.
        ignore_index: samples with this label have the loss 0.

    Raises:
        TaskError: an argument has another shape, dtype or range.
    """
    check_batch(logits_BC, labels_B)
    check_number("gamma", gamma, 0 <= gamma < math.inf, "finite and from 0")
    log_p_B = _log_p(logits_BC, labels_B, ignore_index)
    # At p = 1 and gamma below 1 the derivative of the power is infinite, though that of the product is not.
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
    """Symmetric cross-entropy, -alpha · log p_y - beta · log_zero · (1 - p_y), [B].

    The second term is the reverse cross-entropy, in which label and prediction are exchanged. Source: arXiv
    1908.06112. The defaults are those of the paper for CIFAR-10; for CIFAR-100 alpha is 6 and beta 0.1.

    Args:
        logits_BC: [B, C], floating.
        labels_B: [B], int64, from 0 to C - 1, or `ignore_index`.
        alpha: finite, from 0.
        beta: finite, from 0.
        log_zero: the value in place of log 0, finite and below 0; A in the paper.
        ignore_index: samples with this label have the loss 0.

    Raises:
        TaskError: an argument has another shape, dtype or range.
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
    """Generalised cross-entropy, (1 - p_y^q) / q, [B].

    It is between cross-entropy (q towards 0) and the mean absolute error (q = 1). Source: arXiv 1805.07836,
    equation 6; with `k` the truncated loss of that paper.

    Args:
        logits_BC: [B, C], floating.
        labels_B: [B], int64, from 0 to C - 1, or `ignore_index`.
        q: in (0, 1].
        k: in (0, 1), or None. Truncates the loss: samples with p_y below k all have the loss (1 - k^q) / q
            and no gradient. The paper uses 0.5, beginning in the middle of training: before, most samples are
            below it, and would not be learnt.
        ignore_index: samples with this label have the loss 0.

    Raises:
        TaskError: an argument has another shape, dtype or range.
    """
    check_batch(logits_BC, labels_B)
    check_number("q", q, 0 < q <= 1, "in (0, 1]: for 0 use cross_entropy")
    log_p_B = _log_p(logits_BC, labels_B, ignore_index)
    if k is not None:
        check_number("k", k, 0 < k < 1, "in (0, 1), or None")
        log_p_B = log_p_B.clamp(min=math.log(k))
    return -torch.expm1(q * log_p_B) / q


def normalise_logits(logits_BC: Tensor, tau: float) -> Tensor:
    """Logits divided by a power of their norm, z / ‖z‖^tau, [B, C], as the logits of any loss.

    The norm is the Euclidean one of each row. A row of zeros does not change; in others the largest absolute
    logit counts as at least 1e-12. Source: `class_tau` in the code of the authors of arXiv 2012.06951.

    Args:
        logits_BC: [B, C], floating.
        tau: in [0, 1]. 0 changes nothing. 1 gives logits of norm 1, whose cross-entropy is between 1.42 and
            3.29 for 10 classes: choose lam for this small range.

    Raises:
        TaskError: an argument has another shape, dtype or range.
    """
    check_batch(logits_BC, None)
    check_number("tau", tau, 0 <= tau <= 1, "in [0, 1]")
    z_BC = at_least_float32(logits_BC)
    if tau == 0:
        return z_BC
    # The squares of large logits would overflow: divide by the largest one before computing the norm.
    largest_B1 = z_BC.detach().abs().amax(dim=1, keepdim=True)
    largest_B1 = largest_B1.masked_fill(largest_B1 == 0, 1.0).clamp(min=1e-12)
    unit_BC = z_BC / largest_B1
    norm_B1 = torch.linalg.vector_norm(unit_BC, dim=1, keepdim=True).clamp(min=1.0)
    return unit_BC * largest_B1.pow(1 - tau) / norm_B1.pow(tau)


def _log_p(logits_BC: Tensor, labels_B: Tensor, ignore_index: int) -> Tensor:
    """log p_y, [B]; 0 where the label is `ignore_index`."""
    log_p_BC = F.log_softmax(at_least_float32(logits_BC), dim=1)
    return -F.nll_loss(log_p_BC, labels_B, reduction="none", ignore_index=ignore_index)
