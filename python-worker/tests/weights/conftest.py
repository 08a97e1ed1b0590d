"""What the tests of the rule of weights share."""

from __future__ import annotations

from typing import Any

import pytest
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx

from absgd_worker.weights import Rule, arithmetic, normaliser, weigh_step


@pytest.fixture(params=["floats", "tensors", "device", "graph"])
def on_device(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Each of the computations of the rule: small batches on the CPU, others, on a device, and in a graph."""
    if request.param == "tensors":
        monkeypatch.setattr(arithmetic, "MOST_IN_FLOATS", 0)
    if request.param == "graph":
        monkeypatch.setattr(normaliser, "next_weights", traced_once())
    return request.param in ("device", "graph")


def traced_once() -> Any:
    """`next_weights`, by a graph that is recorded at the first batch of a shape, and run for all others.

    The graph has no branches: whatever lam and gamma were when it was recorded, it has to be right for all.
    """
    graphs: dict[Any, Any] = {}

    def next_weights(
        rule: Rule, losses_B: Tensor, controls: Tensor, state: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        losses_B = losses_B.detach()
        key = rule, losses_B.shape, losses_B.dtype
        if key not in graphs:
            graphs[key] = make_fx(lambda *given: weigh_step(rule, *given))(losses_B, controls, state.clone())
        after = state.clone()
        weights_B, statistics = graphs[key](losses_B, controls, after)
        return weights_B, statistics, after

    return next_weights
