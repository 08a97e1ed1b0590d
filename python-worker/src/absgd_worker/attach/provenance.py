"""Which elements of a loss a script has made others of: chosen, put in another order, or added up.

Shapes: N elements of the loss, M of what was made of them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge


class Provenance(NamedTuple):
    """Of M numbers."""

    into_N: Tensor
    """int64 [N]: which of them an element went into; -1 for none."""
    share_N: Tensor
    """[N]: by how much that one grows with it."""
    from_M: Tensor
    """int64 [M]: an element that went into each; -1 for those that do not depend on any."""


def provenance(made: Tensor, node: Any) -> Provenance | None:
    """Of `made`, in whose graph `node` has given the loss.

    Read off the gradients of three sums: as it is, with every number as often as its place says, and, to be
    sure, with a mark of its own. None where that cannot be told: an element went into several, too many
    numbers for their precision, or a graph that does not allow it.
    """
    count = made.numel()
    if not 0 < count <= _MOST.get(made.dtype, 0):
        return None
    place_M = torch.arange(1, count + 1, dtype=made.dtype, device=made.device)
    mark_M = 1 + (place_M.double() * _GOLDEN % 1).to(made.dtype)
    edge = GradientEdge(node, 0)
    try:
        share_N, placed_N, marked_N = (
            torch.autograd.grad(made, edge, times.reshape(made.shape), retain_graph=True)[0].reshape(-1)
            for times in (torch.ones_like(place_M), place_M, mark_M)
        )
    except RuntimeError:
        return None
    counts = share_N != 0
    into_N = (placed_N / share_N).where(counts, 0).round().long() - 1
    is_one = counts & (into_N >= 0) & (into_N < count)
    is_one &= (marked_N / share_N - mark_M[into_N.clamp(0, count - 1)]).abs() < _NEAR
    if bool((counts & ~is_one).any()):
        return None
    into_N = into_N.where(is_one, -1)
    from_M = into_N.new_full((count,), -1)
    elements = torch.arange(into_N.shape[0], device=into_N.device)
    from_M[into_N[is_one]] = elements[is_one]
    return Provenance(into_N, share_N, from_M)


_MOST = {torch.float32: 1 << 20, torch.float64: 1 << 40}
_NEAR = 1e-4
_GOLDEN = 0.6180339887498949
