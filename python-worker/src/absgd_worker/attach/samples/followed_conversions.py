"""Follows the tensors of tracked batches through what moves or converts them: `to`, `cuda`, `float`, …

Methods of torch.Tensor are replaced on instances alone: `torch.Tensor.to` is what it was for all who look it
up, and every call is handed on to it unchanged.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import torch
from torch import Tensor

from absgd_worker.attach.samples.tracked_batches import Batches, batches


class _Followed:
    """The attribute of torch.Tensor in place of one of its methods."""

    def __init__(self, plain: Any, known: Batches) -> None:
        self.plain = plain
        self._known = known

    def __get__(self, tensor: Tensor | None, owner: Any = None) -> Any:
        if tensor is None:
            return self.plain
        bound = self.plain.__get__(tensor, owner)
        # What has gradients is no batch: activations and parameters are not looked at.
        if not self._known or tensor.requires_grad:
            return bound
        return partial(self._call, bound, tensor)

    def _call(self, bound: Callable[..., Any], tensor: Tensor, *args: Any, **kwargs: Any) -> Any:
        result = bound(*args, **kwargs)
        if torch.compiler.is_compiling():
            return result
        # Nothing that is noted here may end a script.
        with suppress(Exception):
            source, made = (args[0], tensor) if self.plain.__name__ == "copy_" else (tensor, result)
            if made is not source and made.shape == source.shape:
                origin = self._known.find(source)
                if origin is not None and self._known.find(made) is None:
                    self._known.remember(made, origin)
        return result


def follow() -> None:
    """Begins to follow, in this process; once is enough."""
    for name in _METHODS:
        if hasattr(Tensor, name) and not isinstance(vars(Tensor).get(name), _Followed):
            setattr(Tensor, name, _Followed(getattr(Tensor, name), batches))


_METHODS = (
    *("to", "cuda", "cpu", "xpu", "pin_memory", "type", "type_as", "clone", "contiguous", "copy_"),
    *("float", "double", "half", "bfloat16", "long", "int", "short", "byte"),
)
"""Their result has the rows of what they are called on; of `copy_`, of what is copied."""
