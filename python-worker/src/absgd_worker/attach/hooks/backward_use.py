"""Records whether a weighed loss was trained on, that is, whether a backward pass reached it."""

from __future__ import annotations

import weakref

import torch
from torch import Tensor
from torch.utils.hooks import unserializable_hook

from absgd_worker.attach.hooks.backward_terms import mark_known


class _BackwardState:
    """State of all losses of this process."""

    def __init__(self) -> None:
        self.count = 0
        """How often a backward pass reached a weighed loss."""
        self.kept_graph = False
        """Whether the last call of `backward` keeps the graph."""
        self.wants_values = False
        """Whether the values of weighed losses are kept until their backward pass."""
        self.gradients_and_values: list[tuple[Tensor, Tensor]] | None = None
        """The gradient and the value of each weighed loss that the current backward pass has reached; None
        if they are not collected."""


backward_state = _BackwardState()


class BackwardUse:
    """The backward passes that reach one weighed loss."""

    def __init__(self) -> None:
        self._graphs: list[weakref.ref[_Graph]] = []
        self.passes: set[int] = set()
        """The identifiers of the backward passes that reached the loss."""
        self.steps_waited = 0
        """How many steps were made since without such a pass."""

    def follow(self, loss: Tensor, *, is_known: bool = True, is_weighed: bool = True) -> None:
        """Records the backward passes that reach `loss`, the tensor that the script gets.

        `is_known`: whether all losses in its graph are weighed or known. `is_weighed`: false for a loss
        without a sample that counts.
        """
        if loss.requires_grad:
            if is_known:
                mark_known(loss)
            graph = _Graph()
            value = loss.detach() if backward_state.wants_values and is_weighed else None
            self._graphs.append(weakref.ref(graph))

            # The script may save the loss, but the hook cannot be saved.
            @unserializable_hook
            def record_pass(gradient: Tensor, _graph: _Graph = graph) -> None:
                self.passes.add(torch._C._current_graph_task_id())
                backward_state.count += 1
                if backward_state.gradients_and_values is not None and value is not None:
                    backward_state.gradients_and_values.append((gradient.detach(), value))

            loss.register_hook(record_pass)

    @property
    def is_known_unused(self) -> bool:
        """Whether the loss has a graph and no backward pass reached it: a value for the script's log, or a
        validation without `no_grad`."""
        return bool(self._graphs) and not self.passes

    @property
    def is_alive(self) -> bool:
        """Whether a backward pass can still reach the loss, because its graph exists."""
        return not self._graphs or any(graph() is not None for graph in self._graphs)


class _Graph:
    """An object that exists as long as the graph of a loss, because only a hook in the graph refers to it."""
