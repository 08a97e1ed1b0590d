"""One training step of a small model, with all that it computes, to compare bits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from losses_of_torch import C, points

Outcome = tuple[Tensor, list[Tensor], Tensor]
"""The loss, the gradients and parameters after the step, and the next random number."""


def a_model() -> nn.Linear:
    torch.manual_seed(1)
    return nn.Linear(4, C)


def step(call: Callable[..., Tensor], given: Callable[[Tensor], tuple[Any, ...]]) -> Outcome:
    """Makes one step with the loss `call(*given(scores))`, reduced by mean if it is not reduced."""
    model = a_model()
    loss = call(*given(model(points)))
    loss = loss.mean() if loss.ndim else loss
    loss.backward()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    optimizer.step()
    parameters = [*model.parameters()]
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    return loss.detach(), [*gradients, *(parameter.detach() for parameter in parameters)], torch.rand(1)


def is_same(left: Outcome, right: Outcome) -> bool:
    """Whether two steps have the same bits."""
    pairs = zip((left[0], *left[1], left[2]), (right[0], *right[1], right[2]), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)
