"""A call of `mean()` or `sum()`, or of a dot product, as a script makes it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor


class ReductionCall(NamedTuple):
    """Of `losses`, over all of their dimensions or some."""

    func: Callable[..., Tensor]
    losses: Tensor
    rest: tuple[Any, ...]
    options: dict[str, Any]
    dims: tuple[int, ...] | None
    """From 0 on, in no order; None for all of them."""
    call: Callable[[], Tensor] | None = None
    """The script's own call, where that is a dot product; `losses` are the products then. None where it is
    `func` of `losses`."""

    @property
    def kind(self) -> str:
        """ "mean" or "sum"."""
        return "mean" if self.func in _MEANS else "sum"

    def plain(self) -> Tensor:
        """What the script's own call gives."""
        return self.of(self.losses) if self.call is None else self.call()

    def of(self, losses: Tensor) -> Tensor:
        """The same of other losses."""
        return self.func(losses, *self.rest, **self.options)

    def weighed(self, factors: Tensor) -> Tensor:
        """Of the losses times `factors`, of their shape."""
        return self.of(self.losses * factors.to(self.losses.dtype))

    def any_of(self, mask: Tensor) -> Tensor:
        """Where `mask`, bool of the losses' shape, is true anywhere in what becomes one number."""
        return torch.sum(mask.to(torch.int32), *self.rest, **self.options) > 0


def reduction_call_of(
    func: Callable[..., Tensor], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> ReductionCall | None:
    """What a call of one of `REDUCTIONS` means; None where that is not known."""
    options = dict(kwargs)
    losses, *rest = args or (options.pop("input", None),)
    if not isinstance(losses, Tensor) or not losses.ndim or "out" in options:
        return None
    over = rest[0] if rest else options.get("dim", options.get("axis"))
    if over is None or over == ():
        return ReductionCall(func, losses, tuple(rest), options, None)
    chosen = (over,) if isinstance(over, int) else over
    if not isinstance(chosen, (tuple, list)) or not all(isinstance(one, int) for one in chosen):
        return None
    dims = tuple({dim % losses.ndim for dim in chosen})
    return ReductionCall(func, losses, tuple(rest), options, None if len(dims) == losses.ndim else dims)


def vectors_of(
    func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[Tensor, Tensor] | None:
    """The two vectors, [B] each, whose dot product a call of one of `DOTS` gives; None for any other call."""
    given = [*args, *(value for name, value in kwargs.items() if name not in _OF_DIMENSIONS)]
    if func is torch.einsum:
        equation, *given = given
        given = list(given[0]) if len(given) == 1 and isinstance(given[0], (list, tuple)) else given
        if not isinstance(equation, str) or not _IS_DOT.match(equation.replace(" ", "")):
            return None
    if func is torch.tensordot and kwargs.get("dims", 2) not in _OF_ONE_DIMENSION:
        return None
    if kwargs.get("out") is not None or len(given) != 2:
        return None
    one, other = given
    if not isinstance(one, Tensor) or not isinstance(other, Tensor):
        return None
    return (one, other) if one.ndim == other.ndim == 1 and one.shape == other.shape else None


_MEANS = {torch.mean, Tensor.mean}
REDUCTIONS = _MEANS | {torch.sum, Tensor.sum}
"""Functions of torch."""
DOTS = {
    *(torch.dot, torch.vdot, torch.inner, torch.matmul, torch.linalg.matmul, torch.linalg.vecdot),
    *(Tensor.dot, Tensor.vdot, Tensor.inner, Tensor.matmul, Tensor.__matmul__, Tensor.__rmatmul__),
    *(torch.einsum, torch.tensordot),
}
"""Functions of torch that give a dot product of two vectors."""
_IS_DOT = re.compile(r"^([a-zA-Z]),\1(->)?$")
"""What `torch.einsum` is told for one."""
_OF_DIMENSIONS = {"dim", "dims", "out"}
_OF_ONE_DIMENSION = (1, ([0], [0]), ((0,), (0,)), [[0], [0]], ([-1], [-1]))
"""`dims` of `torch.tensordot` for one."""
