"""The class factor, by which the control `class_balance` multiplies the weights of each class.

Source: the class-balanced weights of arXiv 1901.05555. Where the factor is applied and how it is reported:
proto/README.md, "The class factor". `src/weighting/class-factor.ts` is the same in TypeScript.

Shapes: N samples in the training data, B in a batch, C classes that have samples.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from absgd_worker.errors import ControlError
from absgd_worker.weights import Normaliser, Statistics
from absgd_worker.weights.diagnostics import ess_of_applied_weights


class Balanced(NamedTuple):
    """The weights of one batch with a class factor."""

    weights_B: Tensor
    """With the factor, on the device of the losses, in the dtype of `Weighed.weights_B`."""
    statistics: Statistics | Tensor
    """Statistics of the weights with the factor; m, F̂ and `capped` are those without it."""
    bare: tuple[float, float] | Tensor
    """KL and effective sample size without the factor; on a device float64 [2]."""


class ClassBalance:
    """Computes the factors of the samples of a batch from the class sizes of the training data."""

    def __init__(self, labels_N: Tensor | Sequence[int] | None) -> None:
        self._labels_N = None if labels_N is None else torch.as_tensor(labels_N)
        self._counts_C = torch.empty(0, dtype=torch.int64)
        self._classes_N = torch.empty(0, dtype=torch.int64)
        self._beta = 0.0
        self._factors_C = torch.empty(0)

    def factors(self, row: Mapping[str, float], indices_B: Tensor, losses_B: Tensor) -> Tensor | None:
        """The factors of a batch, float64 [B] on the device of the losses, or on the CPU for MPS.

        Does not wait for a device.

        Returns:
            None if the row has no `class_balance`, or it is 0.

        Raises:
            ControlError: the row has `class_balance`, even 0, but the task has no labels.
        """
        beta = row.get("class_balance")
        if beta is None:
            return None
        if self._labels_N is None:
            raise ControlError(
                "the plan sets class_balance, but the task has no labels: give Task(labels=…), the class of "
                "each sample, or leave the control out"
            )
        if beta == 0:
            return None
        device = losses_B.device if losses_B.device.type != "mps" else torch.device("cpu")
        if self._counts_C.numel() == 0:
            _, self._classes_N, self._counts_C = torch.unique(
                self._labels_N, return_inverse=True, return_counts=True
            )
        if self._counts_C.device != device:
            self._counts_C = self._counts_C.to(device, non_blocking=True)
            self._beta = 0.0
        if beta != self._beta:
            self._beta, self._factors_C = beta, class_factors(self._counts_C, beta)
        classes_B = self._classes_N.index_select(0, indices_B)
        return self._factors_C.index_select(0, classes_B.to(device, non_blocking=True))


def class_factors(counts_C: Tensor, beta: float) -> Tensor:
    """(1 - beta)/(1 - beta^n) of each class, scaled to the sum C: float64 [C] on the device of the counts.

    Args:
        counts_C: n, whole numbers from 1.
        beta: in [0, 1). 0 gives ones; towards 1 the factors become proportional to 1/n.
    """
    if beta == 0:
        return torch.ones_like(counts_C, dtype=torch.float64)
    # The scaling cancels 1 - beta. expm1 keeps the precision of 1 - beta^n for a beta close to 1.
    raw_C = -1.0 / torch.expm1(counts_C.double() * math.log(beta))
    return raw_C * (raw_C.shape[0] / raw_C.sum())


def weigh_balanced(
    normaliser: Normaliser, losses_B: Tensor, factors_B: Tensor, *, lam: float, gamma: float
) -> Balanced:
    """Weighs a batch like `Normaliser.weigh`, and multiplies the weights by the factors.

    In the preset `reference` the losses are multiplied by the factors before they are weighed, as in the code
    of its authors; in the others they are not. The scalar to differentiate is always Σ w·loss, with the
    losses of the task.
    """
    x_B = losses_B.detach().to(factors_B.device).double()
    is_inside = normaliser.rule.preset == "reference"
    bare_B, before = normaliser.weigh(x_B * factors_B if is_inside else x_B, lam=lam, gamma=gamma)
    w_B = bare_B * factors_B
    n = x_B.shape[0]
    sums = (w_B.sum(), w_B.dot(w_B), w_B.dot(x_B), w_B.amax(), x_B.sum() / n)
    weights_B = w_B if losses_B.dtype == torch.float64 else w_B.float()
    weights_B = weights_B.to(losses_B.device)
    kl = normaliser.kl
    if isinstance(before, Tensor):
        # m is NaN if all weights are 1/B. Then KL is 0, whatever it was before.
        m, sum_w, sum_w2 = before[1], before[2], before[3]
        bare_kl = (kl if isinstance(kl, Tensor) else m).masked_fill(m.isnan(), 0.0)
        bare = torch.stack([bare_kl, sum_w.square() / sum_w2])
        return Balanced(weights_B, torch.cat([before[:2], torch.stack(sums), before[7:]]), bare)
    sum_w, sum_w2, sum_wl, max_w, mean_loss = (value.item() for value in sums)
    statistics = before._replace(sum_w=sum_w, sum_w2=sum_w2, sum_wl=sum_wl, max_w=max_w, mean_loss=mean_loss)
    bare = (0.0 if math.isnan(before.m) else float(kl), ess_of_applied_weights(before))
    return Balanced(weights_B, statistics, bare)
