"""Scores that a script picks out of a model's output, as by a mask over tokens, and their rows in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from absgd_worker.attach.hooks.model_watch import ModelWatch


class RowSelections:
    """Of the tensors of a script that are alive."""

    def __init__(self) -> None:
        self._of: Any = WeakTensorKeyDictionary()

    def note(self, func: Callable[..., Any], args: tuple[Any, ...], result: Any) -> None:
        """A call of one of `PICKING` gave `result`."""
        if not isinstance(result, Tensor) or not result.requires_grad or not args:
            return
        if func is not Tensor.__getitem__:
            if self._of and (before := self._of.get(args[0])) is not None:
                self._of[result] = before
            return
        given, where = args
        first, *others = where if isinstance(where, tuple) else (where,)
        if not isinstance(first, Tensor):
            return
        is_mask = first.dtype == torch.bool and first.ndim > 1
        are_places = first.dtype == torch.int64 and any(isinstance(one, Tensor) for one in others)
        if is_mask or (are_places and first.ndim == 1):
            self._of[result] = (given.shape[0], first)

    def rows(self, given: tuple[Any, ...], watch: ModelWatch) -> Tensor | None:
        """The row that each row of a loss's input was picked from, int64; None where that is not so, or rows
        may not be samples."""
        found = next(
            (self._of[one] for one in given[:2] if isinstance(one, Tensor) and one in self._of), None
        )
        if found is None or watch.may_be_time_first or watch.cells is not None:
            return None
        size, first = found
        if watch.batches and size not in watch.batches:
            return None
        return first.nonzero()[:, 0] if first.dtype == torch.bool else first


PICKING = frozenset(
    {Tensor.__getitem__, torch.log_softmax, torch.softmax, Tensor.log_softmax, Tensor.softmax}
    | {F.log_softmax, F.softmax}
)
"""Functions of torch that pick, and some that keep what was picked in its place."""
