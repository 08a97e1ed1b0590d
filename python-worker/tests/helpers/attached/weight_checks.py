"""Compares the weights of losses that a script multiplies."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from absgd_worker.attach import api
from recorder import Recorder

LAM = -0.6


def factors(losses_G: Tensor, counted_G: Tensor) -> Tensor:
    """What each sample's losses are multiplied by in a first batch: 0 for those that do not count."""
    found = torch.zeros_like(losses_G)
    found[counted_G] = counted_G.sum() * torch.softmax(losses_G[counted_G].detach() / LAM, 0)
    return found


def check(
    model: nn.Module, way: Callable[[], Tensor], expected: Tensor, losses: Tensor | None = None
) -> None:
    source = Recorder(**{"lambda": LAM, "gamma": 1.0})
    parameter = nn.Parameter(torch.zeros(()))
    model.zero_grad()
    with api.session(source=source):
        found = way()
        (found + 0 * parameter).backward()
        torch.optim.SGD([parameter], lr=0.0).step()
    gradients = [one.grad for one in model.parameters()]
    aims = torch.autograd.grad(expected, list(model.parameters()), retain_graph=True)
    assert found.item() == pytest.approx(expected.item(), rel=1e-9)
    for gradient, aim in zip(gradients, aims, strict=True):
        assert gradient is not None
        assert torch.allclose(gradient, aim, rtol=1e-9, atol=1e-12)
    (entry,) = source.entries
    assert entry.losses_B is not None
    assert losses is None or torch.allclose(entry.losses_B, losses)
