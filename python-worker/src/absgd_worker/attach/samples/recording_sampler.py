"""A sampler and an iterator of a loader that record what they draw and yield, and otherwise behave as before.

Shapes: B samples of a batch.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

DrawnBatches = deque[Tensor | None]
"""The indices drawn for later batches, int64 [B] each; None for a draw that is no row of whole numbers."""


class RecordingSampler:
    """A sampler that records its draws in `drawn`, which belongs to the iterator that began last."""

    def __init__(self, sampler: Any, hooks: Any) -> None:
        self.plain = sampler
        self.hooks = hooks
        self.drawn: DrawnBatches = deque()

    def __iter__(self) -> Iterator[Any]:
        self.drawn = drawn = DrawnBatches()
        return self._draw(drawn)

    def _draw(self, drawn: DrawnBatches) -> Iterator[Any]:
        for indices in self.plain:
            drawn.append(_whole_numbers(indices))
            yield indices

    def __len__(self) -> int:
        return len(self.plain)

    def __getattr__(self, name: str) -> Any:
        if name == "plain":
            raise AttributeError(name)
        return getattr(self.plain, name)


class RecordingIterator:
    """An iterator of a loader that reports each batch to the loader's hooks."""

    def __init__(self, plain: Any, loader: Any, hooks: Any, recording: RecordingSampler) -> None:
        self._plain = plain
        # The loader refers to a persistent iterator. Another iterator must keep its loader alive.
        self._loader = None if loader.persistent_workers else loader
        self._hooks = hooks
        self._recording = recording
        self._drawn = recording.drawn
        hooks.has_begun = True

    @property
    def __class__(self) -> Any:  # type: ignore[override]
        return type(self._plain)

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        batch = next(self._plain)
        self._hooks.record(batch, self._drawn)
        return batch

    def _reset(self, *args: Any, **kwargs: Any) -> None:
        self._plain._reset(*args, **kwargs)
        self._drawn = self._recording.drawn

    def __len__(self) -> int:
        return len(self._plain)

    def __getattr__(self, name: str) -> Any:
        if name == "_plain":
            raise AttributeError(name)
        return getattr(self._plain, name)


def _whole_numbers(indices: Any) -> Tensor | None:
    """`indices` as int64 [B]; None if they are no row of whole numbers."""
    try:
        numbers = torch.as_tensor(indices)
    except (TypeError, ValueError, RuntimeError):
        return None
    if numbers.is_floating_point() or numbers.is_complex() or numbers.dtype == torch.bool or numbers.ndim > 1:
        return None
    return numbers.to(torch.int64).reshape(-1)
