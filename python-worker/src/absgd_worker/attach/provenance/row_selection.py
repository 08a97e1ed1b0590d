"""Scores that a script selects from a model's output (by a mask over tokens, say), and their rows in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from absgd_worker.attach.hooks.model_watch import ModelWatch


class RowSelections:
    """The selections that the living tensors of a script came from."""

    def __init__(self) -> None:
        self._selections: Any = WeakTensorKeyDictionary()
        """For each selected tensor, the number of rows it was selected from, and the first index."""

    def record(self, func: Callable[..., Any], args: tuple[Any, ...], result: Any) -> None:
        """Records that a call of `func`, one of `SELECTIONS`, returned `result`."""
        if not isinstance(result, Tensor) or not result.requires_grad or not args:
            return
        if func is not Tensor.__getitem__:
            if self._selections and (selection := self._selections.get(args[0])) is not None:
                self._selections[result] = selection
            return
        source, index = args
        first, *others = index if isinstance(index, tuple) else (index,)
        if not isinstance(first, Tensor):
            return
        is_mask = first.dtype == torch.bool and first.ndim > 1
        are_row_numbers = first.dtype == torch.int64 and any(isinstance(other, Tensor) for other in others)
        if is_mask or (are_row_numbers and first.ndim == 1):
            self._selections[result] = (source.shape[0], first)

    def selected_rows(self, inputs: tuple[Any, ...], watch: ModelWatch) -> Tensor | None:
        """The row of the model's output that each row of a loss's input was selected from, int64.

        None if the input was not selected, or if rows of the output may not be samples.

        `inputs`: the arguments of the loss, input and target first.
        """
        selection = next(
            (
                self._selections[tensor]
                for tensor in inputs[:2]
                if isinstance(tensor, Tensor) and tensor in self._selections
            ),
            None,
        )
        if selection is None or watch.may_be_time_first or watch.cell_batch is not None:
            return None
        size, first = selection
        if watch.batches and size not in watch.batches:
            return None
        return first.nonzero()[:, 0] if first.dtype == torch.bool else first


SELECTIONS = frozenset(
    {Tensor.__getitem__, torch.log_softmax, torch.softmax, Tensor.log_softmax, Tensor.softmax}
    | {F.log_softmax, F.softmax}
)
"""Functions of torch that select rows, and some that keep the rows of their argument."""
