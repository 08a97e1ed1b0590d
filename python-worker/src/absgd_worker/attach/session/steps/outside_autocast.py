"""Turns autocast off around code of an operator's command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def outside_of_autocast() -> Iterator[None]:
    """Turns autocast off on all devices, and on again afterwards.

    A command runs when the next forward pass begins, possibly within autocast. An evaluation under no_grad
    would put copies of the weights without gradients into autocast's cache, and training would use them.
    """
    kinds = [kind for kind in ("cpu", "cuda", "mps", "xpu") if torch.is_autocast_enabled(kind)]
    if not kinds:
        yield
        return
    enabled = [(kind, torch.get_autocast_dtype(kind)) for kind in kinds]
    for kind in kinds:
        torch.set_autocast_enabled(kind, False)
    torch.clear_autocast_cache()
    try:
        yield
    finally:
        torch.clear_autocast_cache()
        for kind, dtype in enabled:
            torch.set_autocast_enabled(kind, True)
            torch.set_autocast_dtype(kind, dtype)
