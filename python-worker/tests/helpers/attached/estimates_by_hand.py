"""Estimates that a test computes by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from absgd_worker.attach import api

LAM, GAMMA, B = -0.6, 0.7, 6


Loss = Callable[[Tensor, Tensor, Any], Tensor]


class Running:
    """The recurrence by hand: the running mean of exp(loss/lam), without bias from its first value."""

    def __init__(self) -> None:
        self.log_u, self.seen = math.nan, 0.0

    def factors(self, losses: Tensor, gamma: float, *, moves: bool) -> Tensor:
        """B times the weights; `moves`: whether the loss is trained on."""
        m = torch.logsumexp(losses / LAM, 0).item() - math.log(len(losses))
        seen = self.seen + gamma * (1 - self.seen)
        rho = gamma / seen
        log_u = m
        if self.seen > 0:
            log_u = math.log((1 - rho) * math.exp(self.log_u) + rho * math.exp(m))
        log_u = min(max(log_u, m - math.log(2)), m + 5)
        if moves:
            self.log_u, self.seen = log_u, seen
        return torch.exp(losses / LAM - log_u)


class ByHand:
    """Losses of one sample each, weighed by the estimate of their use."""

    def __init__(self, micro: int) -> None:
        self.gamma = -math.expm1(math.log1p(-GAMMA) / micro)
        self.of: dict[Any, Running] = {}

    def __call__(self, scores: Tensor, labels: Tensor, use: Any, *, moves: bool = True) -> Tensor:
        losses = F.cross_entropy(scores, labels, reduction="none")
        running = self.of.setdefault(use, Running())
        return (running.factors(losses.detach(), self.gamma, moves=moves) * losses).mean()


def wrapped(scores: Tensor, labels: Tensor, use: Any) -> Tensor:
    return api.wrap(nn.CrossEntropyLoss())(scores, labels)


def captured(scores: Tensor, labels: Tensor, use: Any) -> Tensor:
    with api.capture():
        return F.cross_entropy(scores, labels)


def weighed(scores: Tensor, labels: Tensor, use: Any) -> Tensor:
    return api.weigh(F.cross_entropy(scores, labels, reduction="none"))


def member(number: int) -> nn.Sequential:
    """A small classifier from [B, 4] to [B, 3], with larger outputs for a larger `number`."""
    model = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)).double()
    with torch.no_grad():
        model[2].weight *= 1 + 4 * number  # type: ignore[operator]
    return model


def states_of(models: list[nn.Module]) -> list[Any]:
    return [model.state_dict() for model in models]


def assert_same(got: Any, expected: Any, about: Any) -> None:
    for own, other in zip(states_of(got), states_of(expected), strict=True):
        for name in own:
            assert torch.allclose(own[name], other[name], atol=1e-9, rtol=0), about
