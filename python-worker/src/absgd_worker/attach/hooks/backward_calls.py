"""Calls of `backward`, as they are made: by a tensor, a framework, or `torch.autograd.backward`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor

from absgd_worker.attach.hooks.backward_use import marks
from absgd_worker.attach.hooks.not_compiled import eager

Around = Callable[[Sequence[Tensor]], AbstractContextManager[None]]


def around_backward(around: Around) -> Callable[[], None]:
    """Enters `around(roots)` at every call of `backward` by a script, until what is returned is called.

    `roots`: the tensors that it is called on. Not for those that torch itself makes within a backward pass.
    """
    autograd = torch.autograd
    backward = autograd.backward

    @eager
    def observed(tensors: Any, *args: Any, **kwargs: Any) -> None:
        if torch._C._current_graph_task_id() != -1:
            return backward(tensors, *args, **kwargs)
        keeps = kwargs.get("retain_graph", args[1] if len(args) > 1 else None)
        marks.kept_graph = bool(kwargs.get("create_graph", False) if keeps is None else keeps)
        given = tensors if isinstance(tensors, (list, tuple)) else (tensors,)
        with around([one for one in given if isinstance(one, Tensor)]):
            return backward(tensors, *args, **kwargs)

    autograd.backward = observed  # type: ignore[assignment]

    def remove() -> None:
        if autograd.backward is observed:
            autograd.backward = backward  # type: ignore[assignment]

    return remove
