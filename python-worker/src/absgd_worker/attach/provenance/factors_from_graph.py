"""Reads from the autograd graph the tensors without gradient that a script multiplied losses by.

This serves losses whose operations were not followed as they were called. Shapes: S as the losses, N of them.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from absgd_worker.attach.provenance.sample_weights import sample_weight_of_rows


class Factors(NamedTuple):
    """The factors of losses."""

    factors: tuple[Tensor, ...]
    """Tensors S."""
    kept: Tensor | None
    """bool S, false where a factor or a mask set the loss to 0; None if none did."""


@torch.no_grad()
def factors_from_graph(losses: Tensor) -> Factors:
    """The factors of `losses`, found by walking back through operations that are linear in them."""
    factors: list[Tensor] = []
    kept: Tensor | None = None
    shape, zero_N = losses.shape, losses.detach().reshape(-1) == 0
    sums: list[_Sum] = []
    node: Any = losses.grad_fn
    for _ in range(_MOST_OPERATIONS):
        if node is None:
            break
        try:
            operation = _linear_operation(node)
        except (RuntimeError, AttributeError):
            # The tensors saved in the graph are released, or this version of torch does not expose them.
            break
        if operation is None:
            break
        if operation.summed is not None:
            sums.append(operation.summed)
        if operation.factor is not None:
            factor_N = _factor_of_sums(operation.factor, sums)
            if factor_N.numel() != losses.numel():
                break
            # A mask that fills in a value other than 0 does not remove elements.
            mask_N = factor_N != 0 if operation.is_product else (factor_N != 0) | ~zero_N
            kept = mask_N if kept is None else kept & mask_N
            if operation.is_product and operation.factor_ndim:
                factors.append(factor_N.reshape(shape))
        node = operation.parent
    is_all = kept is None or bool(kept.all())
    return Factors(tuple(factors), None if is_all else kept.reshape(shape))  # type: ignore[union-attr]


class _Sum(NamedTuple):
    """A sum or mean between a factor and the losses."""

    dims: tuple[int, ...]
    """The dimensions that are reduced."""
    shape: tuple[int, ...]
    """The shape before the reduction."""


class _LinearOperation(NamedTuple):
    parent: Any
    """The graph node of the operand."""
    factor: Tensor | None = None
    """In the shape of the result: the factor of a product, or true where a mask keeps the operand."""
    factor_ndim: int = 0
    """The factor's dimensions before it was broadcast; 0 for a single number."""
    is_product: bool = False
    summed: _Sum | None = None


def _linear_operation(node: Any) -> _LinearOperation | None:
    """The operation of a node; None if it may not be linear in its operand."""
    kind = node.name().rstrip("0123456789").removesuffix("Backward")
    parents = [parent for parent, _ in node.next_functions]
    parent = next((parent for parent in parents if parent is not None), None)
    result_shape = tuple(int(size) for size in node._input_metadata[0].shape)
    operation: _LinearOperation | None = None
    if kind in _ORDER_PRESERVING or (kind == "Div" and parents[1] is None):
        operation = _LinearOperation(parent)
    elif kind in ("Sum", "Mean") and hasattr(node, "_saved_dim"):
        shape = tuple(int(size) for size in node._saved_self_sym_sizes)
        operation = _LinearOperation(parent, summed=_Sum(_dims(node._saved_dim or (), len(shape)), shape))
    elif kind == "MaskedFill":
        operation = _LinearOperation(parent, ~node._saved_mask.expand(result_shape))
    elif kind == "Where" and None in parents:
        condition = node._saved_condition.expand(result_shape)
        operation = _LinearOperation(parent, condition if parents[-1] is None else ~condition)
    elif kind == "Mul" and None in parents:
        factor = node._saved_other if parents[1] is None else node._saved_self
        operation = _LinearOperation(parent, factor.expand(result_shape), factor.ndim, is_product=True)
    return operation


def _factor_of_sums(factor: Tensor, sums: list[_Sum]) -> Tensor:
    """[N], the weight of each loss that comes from elements times `factor` by `sums`; empty if the shapes do
    not match."""
    for dims, shape in reversed(sums):
        if factor.numel() != math.prod(shape):
            return factor.reshape(-1)[:0]
        floating = factor if factor.is_floating_point() else factor.to(torch.get_default_dtype())
        factor = sample_weight_of_rows(floating.reshape(shape), dims)
    return factor.reshape(-1)


def _dims(saved: tuple[int, ...], ndim: int) -> tuple[int, ...]:
    """The dimensions that torch saved, from 0. Torch saves negative ones as unsigned, and none for all."""
    return tuple((dim - 2**64 if dim >= 2**63 else dim) % ndim for dim in saved) or tuple(range(ndim))


_MOST_OPERATIONS = 32
_ORDER_PRESERVING = {
    *("Neg", "ToCopy", "Clone", "Alias", "View", "UnsafeView", "ReshapeAlias", "Squeeze", "Unsqueeze"),
}
"""Operations that keep the order of the elements, and at most scale them, by the names of their nodes."""
