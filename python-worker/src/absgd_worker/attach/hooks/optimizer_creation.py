"""Observes the optimizers that a process creates."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.optim import Optimizer


def after_optimizers_are_made(act: Callable[[Optimizer], None]) -> Callable[[], None]:
    """Calls `act` with every optimizer that is created, until the returned function is called."""
    make = Optimizer.__init__

    @functools.wraps(make)
    def made(self: Optimizer, *args: Any, **kwargs: Any) -> None:
        make(self, *args, **kwargs)
        act(self)

    Optimizer.__init__ = made  # type: ignore[method-assign]

    def remove() -> None:
        if Optimizer.__init__ is made:
            Optimizer.__init__ = make  # type: ignore[method-assign]

    return remove


def parameters_of(optimizer: Optimizer) -> list[Tensor]:
    """All tensors that it updates; empty before its constructor has finished."""
    groups = getattr(optimizer, "param_groups", ())
    return [parameter for group in groups for parameter in group["params"]]
