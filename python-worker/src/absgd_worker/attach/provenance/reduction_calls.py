"""Calls of `mean()`, `sum()` and dot products, as a script makes them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor


class ReductionCall(NamedTuple):
    """A reduction of `losses` over all or some of their dimensions."""

    func: Callable[..., Tensor]
    """`torch.sum`, `torch.mean` or their methods."""
    losses: Tensor
    rest: tuple[Any, ...]
    """The positional arguments after the losses."""
    options: dict[str, Any]
    """The keyword arguments."""
    dims: tuple[int, ...] | None
    """The reduced dimensions, from 0, in any order; None for all."""
    call: Callable[[], Tensor] | None = None
    """The script's own call if it is a dot product; `losses` are then the products. Else None."""

    @property
    def kind(self) -> str:
        """ "mean" or "sum"."""
        return "mean" if self.func in _MEANS else "sum"

    def plain(self) -> Tensor:
        """The result of the script's own call."""
        return self.reduce(self.losses) if self.call is None else self.call()

    def reduce(self, losses: Tensor) -> Tensor:
        """The same reduction of other losses."""
        return self.func(losses, *self.rest, **self.options)

    def weighed(self, factors: Tensor) -> Tensor:
        """The reduction of the losses times `factors`, which have the losses' shape."""
        return self.reduce(self.losses * factors.to(self.losses.dtype))

    def any_in_reduced(self, mask: Tensor) -> Tensor:
        """For each value of the result, whether `mask` is true for any loss in it. `mask`: bool, of the
        losses' shape."""
        return torch.sum(mask.to(torch.int32), *self.rest, **self.options) > 0


def reduction_call_of(
    func: Callable[..., Tensor], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> ReductionCall | None:
    """A call of one of `REDUCTIONS`; None if its arguments are not understood."""
    options = dict(kwargs)
    losses, *rest = args or (options.pop("input", None),)
    if not isinstance(losses, Tensor) or not losses.ndim or "out" in options:
        return None
    over = rest[0] if rest else options.get("dim", options.get("axis"))
    if over is None or over == ():
        return ReductionCall(func, losses, tuple(rest), options, None)
    given_dims = (over,) if isinstance(over, int) else over
    if not isinstance(given_dims, (tuple, list)) or not all(isinstance(dim, int) for dim in given_dims):
        return None
    dims = tuple({dim % losses.ndim for dim in given_dims})
    return ReductionCall(func, losses, tuple(rest), options, None if len(dims) == losses.ndim else dims)


def vectors_of(
    func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[Tensor, Tensor] | None:
    """The two vectors, [B] each, of a call of one of `DOT_PRODUCTS`; None if it is no dot product of
    vectors."""
    operands = [*args, *(value for name, value in kwargs.items() if name not in _OPTIONS)]
    if func is torch.einsum:
        equation, *operands = operands
        is_list = len(operands) == 1 and isinstance(operands[0], (list, tuple))
        operands = list(operands[0]) if is_list else operands
        if not isinstance(equation, str) or not _DOT_EQUATION.match(equation.replace(" ", "")):
            return None
    if func is torch.tensordot and kwargs.get("dims", 2) not in _TENSORDOT_DIMS:
        return None
    if kwargs.get("out") is not None or len(operands) != 2:
        return None
    left, right = operands
    if not isinstance(left, Tensor) or not isinstance(right, Tensor):
        return None
    return (left, right) if left.ndim == right.ndim == 1 and left.shape == right.shape else None


_MEANS = {torch.mean, Tensor.mean}
REDUCTIONS = _MEANS | {torch.sum, Tensor.sum}
"""Functions of torch that compute a mean or a sum."""
DOT_PRODUCTS = {
    *(torch.dot, torch.vdot, torch.inner, torch.matmul, torch.linalg.matmul, torch.linalg.vecdot),
    *(Tensor.dot, Tensor.vdot, Tensor.inner, Tensor.matmul, Tensor.__matmul__, Tensor.__rmatmul__),
    *(torch.einsum, torch.tensordot),
}
"""Functions of torch that can compute a dot product of two vectors."""
_DOT_EQUATION = re.compile(r"^([a-zA-Z]),\1(->)?$")
"""The equation of `torch.einsum` for a dot product."""
_OPTIONS = {"dim", "dims", "out"}
"""Keyword arguments that are no operands."""
_TENSORDOT_DIMS = (1, ([0], [0]), ((0,), (0,)), [[0], [0]], ([-1], [-1]))
"""The `dims` of `torch.tensordot` for a dot product."""
