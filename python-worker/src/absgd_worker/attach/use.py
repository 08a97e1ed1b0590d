"""Whether a weighed loss was trained on: only the backward pass knows."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.utils.hooks import unserializable_hook


class _Marks:
    """Of all losses."""

    def __init__(self) -> None:
        self.count = 0
        """Backward passes that came by any of them."""


marks = _Marks()


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

            # A loss may be saved; this is nothing to save.
            @unserializable_hook
            def mark(gradient: Tensor) -> None:
                self.passes.add(torch._C._current_graph_task_id())
                marks.count += 1

            loss.register_hook(mark)

    @property
    def is_known_unused(self) -> bool:
        """A figure for the log, a validation without `no_grad`: computed like a loss, and not trained on."""
        return self._is_followed and not self.passes
