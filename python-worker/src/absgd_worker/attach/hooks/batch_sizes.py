"""Reads the batch size from the arguments of a model."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import Tensor
from torch.nn.utils.rnn import PackedSequence


class BatchSizes:
    """Reads the arguments of one model, call by call.

    A list of tensors may be a batch of images [C, H, W], or several inputs [B, …] of one batch. If a tensor
    has more rows than an image has channels, the model takes inputs; this also holds for later, smaller
    batches.
    """

    def __init__(self) -> None:
        self._takes_inputs = False

    def of(self, values: Iterable[Any]) -> list[int]:
        """The possible batch sizes of the first of `values` that has tensors; empty if none has."""
        for value in values:
            if sizes := self._of_value(value):
                return sizes
        return []

    def _of_value(self, value: Any) -> list[int]:
        if isinstance(value, Tensor):
            return [value.shape[0]] if value.ndim else []
        if isinstance(value, PackedSequence):
            # Each sequence has a first time step, so their number is the size of the first batch.
            return [int(value.batch_sizes[0])]
        if isinstance(value, dict):
            return self.of(value.values())
        if not isinstance(value, (list, tuple)):
            return []
        tensors = [part for part in value if isinstance(part, Tensor) and part.ndim]
        if tensors and len(tensors) == len(value) and self._are_samples(tensors):
            return [len(value)]
        sizes = self.of(value)
        # A list may hold the inputs of a batch, or the samples of a batch.
        return [*sizes, len(value)] if sizes and isinstance(value, list) else sizes

    def _are_samples(self, tensors: list[Tensor]) -> bool:
        """Whether each tensor is one sample without a batch dimension: an image of any size, or a row of any
        length."""
        first_sizes = {tensor.shape[0] for tensor in tensors}
        if len({tensor.ndim for tensor in tensors}) > 1:
            return False
        is_3d = tensors[0].ndim == 3
        if len(first_sizes) > 1:
            # Rows [T, …] of different lengths, or images [H, W, C].
            return len({tensor.shape[2:] if is_3d else tensor.shape[1:] for tensor in tensors}) == 1
        if is_3d and not first_sizes <= _CHANNELS:
            self._takes_inputs = True
        return is_3d and not self._takes_inputs


_CHANNELS = {1, 2, 3, 4}
