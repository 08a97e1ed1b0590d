"""Observes `GradScaler.update`, because a step that GradScaler skips calls no hook of the optimizer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch


def after_scaler_updates(act: Callable[[], None]) -> Callable[[], None]:
    """Calls `act` after every `GradScaler.update`. Returns a function that ends this."""
    scaler = torch.amp.GradScaler
    update = scaler.update

    def updated(self: Any, *args: Any, **kwargs: Any) -> None:
        update(self, *args, **kwargs)
        act()

    scaler.update = updated  # type: ignore[method-assign]

    def remove() -> None:
        if scaler.update is updated:
            scaler.update = update  # type: ignore[method-assign]

    return remove
