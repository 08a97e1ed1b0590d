"""Per-sample losses that know how many samples each class has.

Shapes: B samples in a batch, C classes.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from absgd_worker.losses.arguments import as_counts, check_batch, check_number, wide


def ldam(
    logits_BC: Tensor,
    labels_B: Tensor,
    class_counts_C: Tensor,
    *,
    max_m: float = 0.5,
    s: float = 30.0,
    ignore_index: int = -100,
) -> Tensor:
    """Cross-entropy of s · (z - m_y e_y), [B]: the rarer the label, the more it has to win by.

    m_c = max_m · (n_min / n_c)^(1/4), arXiv 1906.07413; classes without samples have none.
    `class_counts_C`: n, of the training data, such as `torch.bincount(labels, minlength=C)`; best on the
    device of the logits. `max_m`: the margin of the rarest class, finite and from 0. `s`: finite, above 0.
    The paper's logits are cosines, of unit features and a last layer of unit rows; of others s is part of
    the scale.

    Raises TaskError for arguments of another shape, dtype or range.
    """
    check_batch(logits_BC, labels_B)
    check_number("max_m", max_m, 0 <= max_m < math.inf, "finite and from 0")
    check_number("s", s, 0 < s < math.inf, "finite and above 0")
    z_BC = wide(logits_BC)
    counts_C = as_counts(class_counts_C, z_BC)
    roots_C = counts_C.pow(-0.25).masked_fill(counts_C == 0, 0.0)
    margins_C = roots_C * (max_m / roots_C.amax())
    # One that is ignored has no class, and a loss of 0 whatever is taken from its logits.
    known_B1 = labels_B.masked_fill(labels_B == ignore_index, 0).unsqueeze(1)
    shift_BC = torch.zeros_like(z_BC).scatter(1, known_B1, margins_C[known_B1])
    return F.cross_entropy(s * (z_BC - shift_BC), labels_B, reduction="none", ignore_index=ignore_index)


def balanced_softmax(
    logits_BC: Tensor, labels_B: Tensor, class_counts_C: Tensor, *, ignore_index: int = -100
) -> Tensor:
    """Cross-entropy of z + log n, [B]: the model learns logits as if all classes were equally frequent.

    arXiv 2007.10740, equation 3. `class_counts_C`: n, of the training data, such as
    `torch.bincount(labels, minlength=C)`; best on the device of the logits. A class without samples has
    probability 0. Evaluate with the logits as they are.

    Raises TaskError for arguments of another shape, dtype or range.
    """
    check_batch(logits_BC, labels_B)
    z_BC = wide(logits_BC)
    log_counts_C = as_counts(class_counts_C, z_BC).log()
    return F.cross_entropy(z_BC + log_counts_C, labels_B, reduction="none", ignore_index=ignore_index)
