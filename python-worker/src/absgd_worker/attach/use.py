"""Whether a weighed loss was trained on: only the backward pass knows."""

from __future__ import annotations

import torch
from torch import Tensor


class Use:
    """Of one weighed loss."""

    def __init__(self) -> None:
        self._is_followed = False
        self.passes: set[int] = set()
        """The backward passes that came by."""
        self.has_waited = False
        """Whether a step was made in the meantime."""

    def follow(self, loss: Tensor) -> None:
        """`loss`: what the script was given; what it makes of that is up to it."""
        if loss.requires_grad:
            self._is_followed = True
            loss.register_hook(self._mark)

    @property
    def is_known_unused(self) -> bool:
        """A figure for the log, a validation without `no_grad`: computed like a loss, and not trained on."""
        return self._is_followed and not self.passes

    def _mark(self, gradient: Tensor) -> None:
        self.passes.add(torch._C._current_graph_task_id())
