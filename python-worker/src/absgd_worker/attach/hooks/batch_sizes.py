"""How many samples a model was given, as far as its arguments tell."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import Tensor
from torch.nn.utils.rnn import PackedSequence


class BatchSizes:
    """Reads the arguments of one model, call by call.

    A list of tensors may be a batch of images [C, H, W], or several inputs [B, …] of one batch. One with more
    rows than images have channels shows that the model takes inputs, also for a smaller last batch.
    """

    def __init__(self) -> None:
        self._takes_inputs = False

    def of(self, values: Iterable[Any]) -> list[int]:
        """What may be the batch size of the first of `values` that has tensors; empty where none has."""
        for value in values:
            if found := self._of_value(value):
                return found
        return []

    def _of_value(self, value: Any) -> list[int]:
        if isinstance(value, Tensor):
            return [value.shape[0]] if value.ndim else []
        if isinstance(value, PackedSequence):
            # The number of sequences that have a first step of time.
            return [int(value.batch_sizes[0])]
        if isinstance(value, dict):
            return self.of(value.values())
        if not isinstance(value, (list, tuple)):
            return []
        tensors = [one for one in value if isinstance(one, Tensor) and one.ndim]
        if tensors and len(tensors) == len(value) and self._are_samples(tensors):
            return [len(value)]
        found = self.of(value)
        # Several inputs of a batch, or a batch of samples.
        return [*found, len(value)] if found and isinstance(value, list) else found

    def _are_samples(self, tensors: list[Tensor]) -> bool:
        """Whether each tensor is one sample, without a dimension of the batch: images of any size, or rows of
        different lengths."""
        first = {one.shape[0] for one in tensors}
        if len({one.ndim for one in tensors}) > 1:
            return False
        is_3d = tensors[0].ndim == 3
        if len(first) > 1:
            # Rows [T, …] of different lengths, or images [H, W, C].
            return len({one.shape[2:] if is_3d else one.shape[1:] for one in tensors}) == 1
        if is_3d and not first <= _CHANNELS:
            self._takes_inputs = True
        return is_3d and not self._takes_inputs


_CHANNELS = {1, 2, 3, 4}
