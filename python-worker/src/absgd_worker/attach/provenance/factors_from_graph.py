"""Reads from the graph of losses what numbers without gradient a script has multiplied them by.

For losses whose making nobody has followed. Shapes: S as the losses, N of them in all.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from absgd_worker.attach.provenance.sample_weights import sample_weight_of_rows


class Factors(NamedTuple):
    """Of losses."""

    of: tuple[Tensor, ...]
    """Each S."""
    kept: Tensor | None
    """bool S: false where one of them, or a mask, has made the losses 0; None where none has."""


@torch.no_grad()
def factors_of(losses: Tensor) -> Factors:
    """Goes back from `losses` as long as operations are known to be linear in them."""
    found: list[Tensor] = []
    kept: Tensor | None = None
    shape, zero_N = losses.shape, losses.detach().reshape(-1) == 0
    # Of elements that were added up to those at hand: the dimensions that are gone, and what was there.
    sums: list[tuple[tuple[int, ...], tuple[int, ...]]] = []
    node: Any = losses.grad_fn
    for _ in range(_DEEPEST):
        if node is None:
            break
        try:
            step = _step(node)
        except (RuntimeError, AttributeError):
            # What the graph has saved is gone, or this version of torch does not show it.
            break
        if step is None:
            break
        if step.summed is not None:
            sums.append(step.summed)
        if step.factor is not None:
            factor_N = _brought_up(step.factor, sums)
            if factor_N.numel() != losses.numel():
                break
            # A mask that puts another number than 0 takes nothing out.
            mask_N = factor_N != 0 if step.is_product else (factor_N != 0) | ~zero_N
            kept = mask_N if kept is None else kept & mask_N
            if step.is_product and step.factor_ndim:
                found.append(factor_N.reshape(shape))
        node = step.parent
    is_all = kept is None or bool(kept.all())
    return Factors(tuple(found), None if is_all else kept.reshape(shape))  # type: ignore[union-attr]


class _Step(NamedTuple):
    """One operation back."""

    parent: Any
    factor: Tensor | None = None
    """Of the shape of what the operation gave: what it multiplied by, or true where a mask keeps."""
    factor_ndim: int = 0
    """Before it was brought to that shape: 0 for one number for all."""
    is_product: bool = False
    summed: tuple[tuple[int, ...], tuple[int, ...]] | None = None
    """The dimensions that it added up, and the shape before."""


def _step(node: Any) -> _Step | None:
    """None for an operation that may not be linear."""
    kind = node.name().rstrip("0123456789").removesuffix("Backward")
    parents = [parent for parent, _ in node.next_functions]
    parent = next((one for one in parents if one is not None), None)
    made = tuple(int(size) for size in node._input_metadata[0].shape)
    found: _Step | None = None
    if kind in _KEPT_IN_ORDER or (kind == "Div" and parents[1] is None):
        found = _Step(parent)
    elif kind in ("Sum", "Mean") and hasattr(node, "_saved_dim"):
        shape = tuple(int(size) for size in node._saved_self_sym_sizes)
        found = _Step(parent, summed=(_dims(node._saved_dim or (), len(shape)), shape))
    elif kind == "MaskedFill":
        found = _Step(parent, ~node._saved_mask.expand(made))
    elif kind == "Where" and None in parents:
        condition = node._saved_condition.expand(made)
        found = _Step(parent, condition if parents[-1] is None else ~condition)
    elif kind == "Mul" and None in parents:
        factor = node._saved_other if parents[1] is None else node._saved_self
        found = _Step(parent, factor.expand(made), factor.ndim, is_product=True)
    return found


def _brought_up(factor: Tensor, sums: list[tuple[tuple[int, ...], tuple[int, ...]]]) -> Tensor:
    """[N]: what a factor of elements is for the sums that were made of them."""
    for dims, shape in reversed(sums):
        if factor.numel() != math.prod(shape):
            return factor.reshape(-1)[:0]
        wide = factor if factor.is_floating_point() else factor.to(torch.get_default_dtype())
        factor = sample_weight_of_rows(wide.reshape(shape), dims)
    return factor.reshape(-1)


def _dims(saved: tuple[int, ...], ndim: int) -> tuple[int, ...]:
    """As torch keeps them: negative ones as large numbers; none for all."""
    return tuple((dim - 2**64 if dim >= 2**63 else dim) % ndim for dim in saved) or tuple(range(ndim))


_DEEPEST = 32
_KEPT_IN_ORDER = {
    *("Neg", "ToCopy", "Clone", "Alias", "View", "UnsafeView", "ReshapeAlias", "Squeeze", "Unsqueeze"),
}
"""Operations that keep the elements in their order, and scale them at most."""
