"""A call of `mean()` or `sum()`, as a script makes it."""

from __future__ import annotations

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

    @property
    def kind(self) -> str:
        """ "mean" or "sum"."""
        return "mean" if self.func in _MEANS else "sum"

    def plain(self) -> Tensor:
        """As it was asked for."""
        return self.of(self.losses)

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


_MEANS = {torch.mean, Tensor.mean}
REDUCTIONS = _MEANS | {torch.sum, Tensor.sum}
"""Functions of torch."""
