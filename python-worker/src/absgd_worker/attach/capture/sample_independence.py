"""Whether the loss of one sample depends on the scores of others, as in contrastive losses and correlations.

Told by the derivative: that of one row of the losses by the scores is 0 but for the rows of its own sample.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import BackwardCFunction


def depend_on_others(losses: Tensor, sources: list[Tensor]) -> bool:
    """Whether a row of `losses`, [G] or [G, d…], depends on more of each of `sources` than its share.

    False where the derivative cannot be had without running a function of the script, or where fewer than two
    samples are there.
    """
    known = [one for one in sources if one.ndim and one.requires_grad]
    samples = losses.shape[0] if losses.ndim else 0
    if samples < 2 or not known or losses.grad_fn is None:
        return False
    if _runs_python(losses, known):
        return False
    rows = losses.detach().reshape(samples, -1).abs().sum(1)
    row = int(rows.nan_to_num(-1, -1, -1).argmax())
    chosen = torch.zeros_like(losses)
    chosen[row] = 1
    try:
        with without_hooks(known):
            found = torch.autograd.grad(losses, known, chosen, retain_graph=True, allow_unused=True)
    except RuntimeError:
        return False
    return any(_is_spread(one, samples) for one in found if one is not None)


def _runs_python(losses: Tensor, sources: list[Tensor]) -> bool:
    """Whether a `torch.autograd.Function` in Python lies between `losses` and `sources`.

    Its backward pass may be meant to run once, as that of fused losses which scale saved gradients in place.
    """
    ends = {one.grad_fn for one in sources if one.grad_fn is not None}
    left: list[Any] = [losses.grad_fn]
    seen: set[Any] = set()
    while left:
        node = left.pop()
        if node is None or node in seen or node in ends:
            continue
        if isinstance(node, BackwardCFunction):
            return True
        seen.add(node)
        left.extend(parent for parent, _ in node.next_functions)
    return False


def _is_spread(gradient: Tensor, samples: int) -> bool:
    """Whether a gradient has more than one sample's share of every dimension that may be that of the
    samples."""
    is_other = ((gradient != 0) & ~gradient.isnan()).to(torch.int32)
    may_be_samples = False
    for dim, size in enumerate(gradient.shape):
        # Rows of a sample's own, or samples of a row's own, as of tokens.
        is_related = size % samples == 0 or (gradient.ndim > 1 and samples % size == 0)
        if size < 2 or not is_related:
            continue
        may_be_samples = True
        others = tuple(one for one in range(gradient.ndim) if one != dim)
        touched = is_other.sum(others) if others else is_other
        if int((touched > 0).sum()) <= max(1, size // samples):
            return False
    return may_be_samples


@contextmanager
def without_hooks(tensors: list[Tensor]) -> Iterator[None]:
    """The hooks that a script has put on its tensors are for its own backward pass."""
    kept = [(one._backward_hooks, dict(one._backward_hooks)) for one in tensors if one._backward_hooks]
    for hooks, _ in kept:
        hooks.clear()
    try:
        yield
    finally:
        for hooks, own in kept:
            hooks.update(own)
