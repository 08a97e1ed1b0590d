"""Per-sample losses that use the number of training samples of each class.

Shapes: B samples in a batch, C classes.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from absgd_worker.losses.arguments import as_counts, at_least_float32, check_batch, check_number


def ldam(
    logits_BC: Tensor,
    labels_B: Tensor,
    class_counts_C: Tensor,
    *,
    max_m: float = 0.5,
    s: float = 30.0,
    ignore_index: int = -100,
) -> Tensor:
    """LDAM loss, the cross-entropy of s · (z - m_y e_y), [B]: rare classes have a larger margin.

    The margin is m_c = max_m · (n_min / n_c)^(1/4), or 0 for classes without samples. Source: arXiv
    1906.07413. The logits of the paper are cosines: features and rows of the last layer
    have norm 1. For other logits s multiplies their scale.

    Args:
        logits_BC: [B, C], floating.
        labels_B: [B], int64, from 0 to C - 1, or `ignore_index`.
        class_counts_C: [C], n, the samples of each class in the training data, such as
            `torch.bincount(labels, minlength=C)`; best on the device of the logits.
        max_m: the margin of the rarest class, finite and from 0.
        s: finite and above 0.
        ignore_index: samples with this label have the loss 0.

    Raises:
        TaskError: an argument has another shape, dtype or range.
    """
    check_batch(logits_BC, labels_B)
    check_number("max_m", max_m, 0 <= max_m < math.inf, "finite and from 0")
    check_number("s", s, 0 < s < math.inf, "finite and above 0")
    z_BC = at_least_float32(logits_BC)
    counts_C = as_counts(class_counts_C, z_BC)
    roots_C = counts_C.pow(-0.25).masked_fill(counts_C == 0, 0.0)
    margins_C = roots_C * (max_m / roots_C.amax())
    # A sample that is ignored has no class; its loss is 0 with any margin.
    known_B1 = labels_B.masked_fill(labels_B == ignore_index, 0).unsqueeze(1)
    shift_BC = torch.zeros_like(z_BC).scatter(1, known_B1, margins_C[known_B1])
    return F.cross_entropy(s * (z_BC - shift_BC), labels_B, reduction="none", ignore_index=ignore_index)


def balanced_softmax(
    logits_BC: Tensor, labels_B: Tensor, class_counts_C: Tensor, *, ignore_index: int = -100
) -> Tensor:
    """Balanced softmax, the cross-entropy of z + log n, [B]: as if all classes were equally frequent.

    A class without samples has probability 0. Evaluate with the logits themselves. Source: arXiv 2007.10740,
    equation 3.

    Args:
        logits_BC: [B, C], floating.
        labels_B: [B], int64, from 0 to C - 1, or `ignore_index`.
        class_counts_C: [C], n, the samples of each class in the training data, such as
            `torch.bincount(labels, minlength=C)`; best on the device of the logits.
        ignore_index: samples with this label have the loss 0.

    Raises:
        TaskError: an argument has another shape, dtype or range.
    """
    check_batch(logits_BC, labels_B)
    z_BC = at_least_float32(logits_BC)
    log_counts_C = as_counts(class_counts_C, z_BC).log()
    return F.cross_entropy(z_BC + log_counts_C, labels_B, reduction="none", ignore_index=ignore_index)
