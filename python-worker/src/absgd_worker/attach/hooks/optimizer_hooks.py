"""Where the steps of a training loop end: at the optimizers of this process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from torch.optim.optimizer import (
    Optimizer,
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

from absgd_worker.attach.hooks.grad_scaler import after_scaler_updates


class Steps(Protocol):
    """Who is told of them."""

    def before_step(self, optimizer: Optimizer, *, computes_loss: bool) -> None:
        """The optimizer is about to step. `computes_loss`: by a closure, within the step."""
        ...

    def gradients_are_there(self, optimizer: Optimizer) -> None:
        """The optimizer steps by these gradients; called several times where a closure is."""
        ...

    def after_step(self, optimizer: Optimizer) -> None: ...

    def abandon_step(self, optimizer: Optimizer) -> None:
        """What the closure raised ends the step."""
        ...

    def drop_step(self) -> None:
        """`GradScaler` made or skipped it; called after a step that was made, too."""
        ...


class OptimizerHooks:
    """Watches all optimizers from `open` to `close`."""

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
        ]

    def close(self) -> None:
        """May be called twice."""
        for remove in self._removers:
            remove()
        self._removers = []

    def _before(
        self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        # The optimizer itself is the first of them.
        closure = kwargs.get("closure", args[1] if len(args) > 1 else None)
        if not callable(closure):
            self._steps.before_step(optimizer, computes_loss=False)
            self._steps.gradients_are_there(optimizer)
            return None
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
        # A fused optimizer is called by GradScaler even for a step that it skips, and skips it itself.
        found_inf = getattr(optimizer, "found_inf", None)
        if found_inf is not None and float(found_inf) > 0:
            self._steps.abandon_step(optimizer)
            self._steps.drop_step()
        else:
            self._steps.after_step(optimizer)
