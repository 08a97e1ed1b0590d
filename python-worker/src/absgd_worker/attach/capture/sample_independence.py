"""Checks whether the loss of one sample depends on the scores of others, as in contrastive losses.

The check differentiates one row of the losses with respect to the scores. If samples are independent, the
gradient is 0 outside the rows of that sample.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import BackwardCFunction


def depend_on_others(losses: Tensor, sources: list[Tensor]) -> bool:
    """Whether a row of `losses`, [G] or [G, d…], depends on scores of more than one sample.

    `sources`: tensors of scores, each with G rows, or a multiple or divisor of G in some dimension.

    False if the derivative cannot be computed without running Python code of the script, or if there are
    fewer than two samples.
    """
    known = [scores for scores in sources if scores.ndim and scores.requires_grad]
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
            gradients = torch.autograd.grad(losses, known, chosen, retain_graph=True, allow_unused=True)
    except RuntimeError:
        return False
    return any(_covers_several_samples(gradient, samples) for gradient in gradients if gradient is not None)


def _runs_python(losses: Tensor, sources: list[Tensor]) -> bool:
    """Whether a `torch.autograd.Function` in Python lies between `losses` and `sources`.

    Its backward pass may work only once: some fused losses scale saved gradients in place.
    """
    ends = {scores.grad_fn for scores in sources if scores.grad_fn is not None}
    queue: list[Any] = [losses.grad_fn]
    seen: set[Any] = set()
    while queue:
        node = queue.pop()
        if node is None or node in seen or node in ends:
            continue
        if isinstance(node, BackwardCFunction):
            return True
        seen.add(node)
        queue.extend(parent for parent, _ in node.next_functions)
    return False


def _covers_several_samples(gradient: Tensor, samples: int) -> bool:
    """Whether a gradient has nonzero values for more than one sample, whichever dimension holds the
    samples. False if no dimension can hold them."""
    is_nonzero = ((gradient != 0) & ~gradient.isnan()).to(torch.int32)
    may_be_samples = False
    for dim, size in enumerate(gradient.shape):
        # A sample may have several rows, or a row several samples (the tokens of a sequence).
        is_related = size % samples == 0 or (gradient.ndim > 1 and samples % size == 0)
        if size < 2 or not is_related:
            continue
        may_be_samples = True
        others = tuple(other for other in range(gradient.ndim) if other != dim)
        nonzero = is_nonzero.sum(others) if others else is_nonzero
        if int((nonzero > 0).sum()) <= max(1, size // samples):
            return False
    return may_be_samples


@contextmanager
def without_hooks(tensors: list[Tensor]) -> Iterator[None]:
    """Removes the backward hooks of `tensors` inside the block: they are for the script's backward pass."""
    removed = [
        (tensor._backward_hooks, dict(tensor._backward_hooks)) for tensor in tensors if tensor._backward_hooks
    ]
    for hooks, _ in removed:
        hooks.clear()
    try:
        yield
    finally:
        for hooks, saved in removed:
            hooks.update(saved)
