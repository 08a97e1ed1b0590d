"""Whether a weighed loss was trained on: only the backward pass knows."""

from __future__ import annotations

import weakref

import torch
from torch import Tensor
from torch.utils.hooks import unserializable_hook

from absgd_worker.attach.hooks.backward_terms import mark_known


class _Marks:
    """Of all losses."""

    def __init__(self) -> None:
        self.count = 0
        """Backward passes that came by any of them."""
        self.kept_graph = False
        """Whether the last call of `backward` asked to keep the graph."""
        self.wants_values = False
        """Whether the values of weighed losses are kept until their backward pass."""
        self.looked_at: list[tuple[Tensor, Tensor]] | None = None
        """Of the pass under way, the gradient and the value of every weighed loss; None where nobody asks."""


marks = _Marks()


class BackwardUse:
    """Of one weighed loss."""

    def __init__(self) -> None:
        self._graphs: list[weakref.ref[_Graph]] = []
        self.passes: set[int] = set()
        """The backward passes that came by."""
        self.steps_waited = 0
        """Steps that were made in the meantime."""

    def follow(self, loss: Tensor, *, is_known: bool = True, is_weighed: bool = True) -> None:
        """`loss`: what the script was given; what it makes of that is up to it. `is_known`: nothing below it
        is left unweighed. `is_weighed`: false for a loss without a sample."""
        if loss.requires_grad:
            if is_known:
                mark_known(loss)
            graph = _Graph()
            value = loss.detach() if marks.wants_values and is_weighed else None
            self._graphs.append(weakref.ref(graph))

            # A loss may be saved; this is nothing to save.
            @unserializable_hook
            def mark(gradient: Tensor, _held: _Graph = graph) -> None:
                self.passes.add(torch._C._current_graph_task_id())
                marks.count += 1
                if marks.looked_at is not None and value is not None:
                    marks.looked_at.append((gradient.detach(), value))

            loss.register_hook(mark)

    @property
    def is_known_unused(self) -> bool:
        """A figure for the log, a validation without `no_grad`: computed like a loss, and not trained on."""
        return bool(self._graphs) and not self.passes

    @property
    def is_alive(self) -> bool:
        """Whether a backward pass can still come by: what the loss was computed from is there."""
        return not self._graphs or any(graph() is not None for graph in self._graphs)


class _Graph:
    """Lives as long as the graph of a loss: only the hook in it holds one."""
