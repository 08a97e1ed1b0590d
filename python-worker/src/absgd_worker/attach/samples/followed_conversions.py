"""Follows the tensors of tracked batches through methods that move or convert them: `to`, `cuda`, `float`, …

The methods are replaced for instances only: `torch.Tensor.to` itself still gives the original, and every call
is passed to it unchanged.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch._guards import CompileContext

from absgd_worker.attach.samples.tracked_batches import TrackedBatches, batches


class _FollowedMethod:
    """The descriptor that replaces a method of torch.Tensor."""

    def __init__(self, plain: Any, known: TrackedBatches) -> None:
        self.plain = plain
        self._known = known

    def __get__(self, tensor: Tensor | None, owner: Any = None) -> Any:
        if tensor is None:
            return self.plain
        bound = self.plain.__get__(tensor, owner)
        # Activations and parameters require gradients; they hold no batch. The compiler looks methods up at
        # the tensors that it is given, and cannot trace through a method that is replaced.
        if not self._known or tensor.requires_grad or CompileContext.try_get() is not None:
            return bound
        return partial(self._call, bound, tensor)

    def _call(self, bound: Callable[..., Any], tensor: Tensor, *args: Any, **kwargs: Any) -> Any:
        result = bound(*args, **kwargs)
        if torch.compiler.is_compiling():
            return result
        # An error here must not end the script.
        with suppress(Exception):
            source, target = (args[0], tensor) if self.plain.__name__ == "copy_" else (tensor, result)
            if target is not source and target.shape == source.shape:
                origin = self._known.find(source)
                if origin is not None and self._known.find(target) is None:
                    self._known.remember(target, origin)
        return result


def follow_conversions() -> None:
    """Begins to follow conversions in this process. May be called again."""
    for name in _METHODS:
        if hasattr(Tensor, name) and not isinstance(vars(Tensor).get(name), _FollowedMethod):
            setattr(Tensor, name, _FollowedMethod(getattr(Tensor, name), batches))


_METHODS = (
    *("to", "cuda", "cpu", "xpu", "pin_memory", "type", "type_as", "clone", "contiguous", "copy_"),
    *("float", "double", "half", "bfloat16", "long", "int", "short", "byte"),
)
"""Methods whose result has the rows of their tensor; the result of `copy_` has the rows of its argument."""
