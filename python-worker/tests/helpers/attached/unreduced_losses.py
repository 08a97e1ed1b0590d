"""Losses without reduction, and what a script makes of them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from absgd_worker.attach import api
from absgd_worker.weights import Normaliser
from recorder import Recorder

B, T, C = 8, 5, 4


points = torch.randn(B, 4, generator=torch.Generator().manual_seed(1))


labels = torch.arange(B) % C


Made = Callable[[Tensor], Tensor]


def weighed(loss: Callable[[], Tensor], granularity: str = "auto", **controls: float) -> tuple[float, Tensor]:
    """What a loss is under lambda = -1, and the losses of the samples that it was weighed by."""
    source = Recorder(gamma=1.0, **controls)
    parameter = nn.Parameter(torch.zeros(()))
    optimizer = torch.optim.SGD([parameter], lr=0.0)
    with api.session(source=source), api.capture(granularity=granularity):  # type: ignore[arg-type]
        total = loss()
        (total + 0 * parameter).backward()
        optimizer.step()
    (entry,) = source.entries
    assert entry.losses_B is not None
    return total.item(), entry.losses_B


def factors(losses_B: Tensor) -> Tensor:
    """What each sample's losses are multiplied by."""
    weights, _ = Normaliser("default").weigh(losses_B, lam=-1.0, gamma=1.0)
    return weights * losses_B.shape[0]
