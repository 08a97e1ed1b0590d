"""Observes the steps of all optimizers of this process, which end the steps of a training loop."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Protocol

from torch import nn
from torch.optim.optimizer import (
    Optimizer,
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

from absgd_worker.attach.hooks.grad_scaler import after_scaler_updates
from absgd_worker.attach.hooks.transparent_mode import resume, settle, suspend


class Steps(Protocol):
    """The functions that `OptimizerHooks` calls."""

    def before_step(self, optimizer: Optimizer, *, computes_loss: bool) -> None:
        """Called before a step. `computes_loss`: whether a closure computes the loss inside the step."""
        ...

    def gradients_are_there(self, optimizer: Optimizer) -> None:
        """Called when the gradients of the step are computed; several times if a closure is."""
        ...

    def after_step(self, optimizer: Optimizer) -> None:
        """Called after a step."""
        ...

    def abandon_step(self, optimizer: Optimizer) -> None:
        """Called if the closure raised an error, or if a fused optimizer skipped the step."""
        ...

    def drop_step(self) -> None:
        """Called after `GradScaler.update`, whether the step was made or skipped."""
        ...


class OptimizerHooks:
    """Observes all optimizers from `open` to `close`."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._removers: list[Callable[[], None]] = []

    def open(self) -> None:
        handles = (
            register_optimizer_step_pre_hook(self._before),
            register_optimizer_step_post_hook(self._after),
        )
        self._removers = [
            *(handle.remove for handle in handles),
            after_scaler_updates(self._steps.drop_step),
            _suspend_modes_in(Optimizer, "zero_grad"),
            _suspend_modes_in(nn.Module, "zero_grad"),
        ]

    def close(self) -> None:
        """Ends the observation. May be called twice."""
        for remove in self._removers:
            remove()
        self._removers = []

    def _before(
        self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        # args[0] is the optimizer.
        closure = kwargs.get("closure", args[1] if len(args) > 1 else None)
        if not callable(closure):
            # A function that is given by another name may compute a loss, too.
            if not any(map(callable, (*args[1:], *kwargs.values()))):
                suspend()
            self._steps.before_step(optimizer, computes_loss=False)
            self._steps.gradients_are_there(optimizer)
            return None
        resume()
        self._steps.before_step(optimizer, computes_loss=True)

        def observed() -> Any:
            try:
                loss = closure()
            except BaseException:
                self._steps.abandon_step(optimizer)
                raise
            self._steps.gradients_are_there(optimizer)
            return loss

        if "closure" in kwargs:
            return args, {**kwargs, "closure": observed}
        return (*args[:1], observed, *args[2:]), kwargs

    def _after(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        try:
            self._end_step(optimizer)
        finally:
            settle()

    def _end_step(self, optimizer: Optimizer) -> None:
        # GradScaler calls a fused optimizer for every step; the optimizer itself skips it at infinite
        # gradients.
        found_inf = getattr(optimizer, "found_inf", None)
        if found_inf is not None and float(found_inf) > 0:
            self._steps.abandon_step(optimizer)
            self._steps.drop_step()
        else:
            self._steps.after_step(optimizer)


def _suspend_modes_in(owner: type, name: str) -> Callable[[], None]:
    """Suspends the transparent modes in each call of a method. Returns a function that ends this."""
    method = getattr(owner, name)

    @functools.wraps(method)
    def suspended(*args: Any, **kwargs: Any) -> Any:
        suspend()
        try:
            return method(*args, **kwargs)
        finally:
            settle()

    setattr(owner, name, suspended)

    def remove() -> None:
        if getattr(owner, name) is suspended:
            setattr(owner, name, method)

    return remove
