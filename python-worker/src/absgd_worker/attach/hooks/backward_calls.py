"""Observes calls of `backward`, by a tensor, by a framework or by `torch.autograd.backward`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor

from absgd_worker.attach.hooks.backward_use import backward_state
from absgd_worker.attach.hooks.not_compiled import not_compiled
from absgd_worker.attach.hooks.transparent_mode import resume, settle

Around = Callable[[Sequence[Tensor]], AbstractContextManager[None]]


def around_backward(
    around: Around, is_plain: Callable[[Sequence[Tensor]], bool] = lambda roots: False
) -> Callable[[], None]:
    """Runs every call of `backward` by a script inside the context `around(roots)`.

    `roots`: the tensors that `backward` is called on. Calls that torch makes inside a backward pass are not
    observed. `is_plain(roots)`: whether `around` is left out.

    Returns:
        A function that ends the observation.
    """
    autograd = torch.autograd
    backward = autograd.backward

    @not_compiled
    def observed(tensors: Any, *args: Any, **kwargs: Any) -> None:
        if torch._C._current_graph_task_id() != -1:
            return backward(tensors, *args, **kwargs)
        given = tensors if isinstance(tensors, (list, tuple)) else (tensors,)
        roots = [root for root in given if isinstance(root, Tensor)]
        # The thread of a device takes the modes over from this one.
        (settle if roots and roots[0].is_cpu else resume)()
        keeps = kwargs.get("retain_graph", args[1] if len(args) > 1 else None)
        backward_state.kept_graph = bool(kwargs.get("create_graph", False) if keeps is None else keeps)
        if is_plain(roots):
            return backward(tensors, *args, **kwargs)
        with around(roots):
            return backward(tensors, *args, **kwargs)

    autograd.backward = observed  # type: ignore[assignment]

    def remove() -> None:
        if autograd.backward is observed:
            autograd.backward = backward  # type: ignore[assignment]

    return remove
