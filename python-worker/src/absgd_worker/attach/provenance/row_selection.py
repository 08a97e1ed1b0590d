"""Scores that a script selects from a model's output (by a mask over tokens, say), and their rows in it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from absgd_worker.attach.hooks.model_watch import ModelWatch


def selected_rows_of(inputs: tuple[Any, ...], watch: ModelWatch) -> Tensor | None:
    """The row of the model's output that each row of a loss's input was selected from, int64.

    None if the input was not selected, or if rows of the output may not be samples. The graph of the input
    shows the selection: `scores[mask]`, or `scores[rows, positions]`, before a softmax or none.

    `inputs`: the arguments of the loss, input and target first.
    """
    if watch.may_be_time_first or watch.cell_batch is not None:
        return None
    for tensor in inputs[:2]:
        node = _selecting_node(tensor) if isinstance(tensor, Tensor) else None
        if node is not None and (selection := _selection(node)) is not None:
            size, first = selection
            if watch.batches and size not in watch.batches:
                return None
            return first.nonzero()[:, 0] if first.dtype == torch.bool else first
    return None


def _selecting_node(scores: Tensor) -> Any:
    """The graph node that indexed a tensor; None if `scores` are not the result, or its softmax."""
    node: Any = scores.grad_fn
    while node is not None and node.name() in _SOFTMAX:
        node = node.next_functions[0][0]
        # Autocast converts the argument of a softmax.
        if node is not None and node.name() == "ToCopyBackward0":
            node = node.next_functions[0][0]
    return node if node is not None and node.name() == "IndexBackward0" else None


def _selection(node: Any) -> tuple[int, Tensor] | None:
    """The number of rows that were selected from, and the first index; None if it selects other than rows."""
    try:
        first, *others = node._saved_indices
        size = int(node._saved_self_sym_sizes[0])
    except (RuntimeError, AttributeError, IndexError, ValueError):
        # The script has changed the index since then, or this version of torch does not expose it.
        return None
    if not isinstance(first, Tensor):
        return None
    is_mask = first.dtype == torch.bool and first.ndim > 1
    are_row_numbers = first.dtype == torch.int64 and any(isinstance(other, Tensor) for other in others)
    return (size, first) if is_mask or (are_row_numbers and first.ndim == 1) else None


_SOFTMAX = ("LogSoftmaxBackward0", "SoftmaxBackward0")
