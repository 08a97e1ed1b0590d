"""The derivatives of a criterion's result with respect to the reductions inside the criterion.

A constant derivative shows that the result is an affine function of a reduction, that is, a sum of losses of
single samples. A product, a quotient or a root of reductions has a derivative that depends on the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge

from absgd_worker.attach.capture.sample_independence import without_hooks
from absgd_worker.attach.hooks.backward_terms import mark_known


def slopes_of(
    output: Tensor, edges: Sequence[GradientEdge], are_candidates: Sequence[bool], sources: list[Tensor]
) -> list[Tensor | bool | None]:
    """The derivative of `output`, one element, with respect to each reduction.

    Args:
        edges: where the reductions are in the autograd graph.
        are_candidates: for each reduction, whether it is weighed only if it proves to be a loss.
        sources: the criterion's arguments that have a gradient.

    Returns:
        For each reduction a tensor of its shape; False if the output does not depend on it; None if the
        derivative depends on the batch.
    """
    if len(edges) == 1 and output.grad_fn is edges[0].node:
        return [torch.ones_like(output)]
    if not edges:
        return []
    try:
        with torch.enable_grad():
            slopes = torch.autograd.grad(
                output.sum(), list(edges), create_graph=True, retain_graph=True, allow_unused=True
            )
        return [False if slope is None else _constant_slope(slope, [*edges, *sources]) for slope in slopes]
    except RuntimeError:
        # The graph cannot be differentiated twice. Losses of torch are trusted, candidates are not.
        return [None if is_candidate else False for is_candidate in are_candidates]


def _constant_slope(slope: Tensor, inputs: list[Any]) -> Tensor | None:
    """`slope` unchanged; None if it depends on any of `inputs`."""
    if slope.requires_grad:
        with without_hooks([given for given in inputs if isinstance(given, Tensor)]):
            gradients = torch.autograd.grad(slope.sum(), inputs, retain_graph=True, allow_unused=True)
        if any(gradient is not None and bool((gradient != 0).any()) for gradient in gradients):
            return None
    return slope


def add_changes(output: Tensor, slopes: list[Any], changes: list[Tensor | None]) -> Tensor:
    """`output` plus, for each reduction, its slope times its change. `changes`: None for unchanged ones."""
    for slope, change in zip(slopes, changes, strict=True):
        if isinstance(slope, Tensor) and change is not None:
            term = (slope * change).sum().to(output.dtype)
            mark_known(term)
            output = output + term
    return output
