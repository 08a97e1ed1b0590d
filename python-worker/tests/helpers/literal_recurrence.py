"""The recurrence of ABSGD's authors, literally: linear, u from 0, nothing guarded."""

from __future__ import annotations

import torch
from torch import Tensor


class LiteralRecurrence:
    """`alpha` multiplies the mean of every new batch; `floor` adds 1/B to the weights of the recurrence."""

    def __init__(self, *, alpha: float, floor: bool) -> None:
        self.alpha = alpha
        self.floor = floor
        self.u = 0.0

    def weigh(self, losses_B: Tensor, lam: float, gamma: float) -> Tensor:
        """The weights of a batch, 1/B included; lam from 200 on is the plain mean."""
        n = losses_B.shape[0]
        if lam >= 200:
            return torch.full_like(losses_B, 1 / n)
        exponentials_B = (losses_B / lam).exp()
        mean = exponentials_B.sum().item() / n
        self.u = (1 - gamma) * self.u + gamma * self.alpha * mean
        weights_B = exponentials_B / (self.u * n)
        return weights_B + 1 / n if self.floor else weights_B
