"""A loader's sampler and iterators, which note what they draw and give; as they were in every other respect.

Shapes: B samples of a batch.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

Drawn = deque[Tensor | None]
"""What a sampler has drawn for batches to come, int64 [B] each; None for what is no row of whole numbers."""


class RecordingSampler:
    """A sampler that notes what it draws: `drawn` belongs to the iterator that was begun last."""

    def __init__(self, sampler: Any, hooks: Any) -> None:
        self.plain = sampler
        self.hooks = hooks
        self.drawn: Drawn = deque()

    def __iter__(self) -> Iterator[Any]:
        self.drawn = drawn = Drawn()
        return self._draw(drawn)

    def _draw(self, drawn: Drawn) -> Iterator[Any]:
        for indices in self.plain:
            drawn.append(_whole_numbers(indices))
            yield indices

    def __len__(self) -> int:
        return len(self.plain)

    def __getattr__(self, name: str) -> Any:
        if name == "plain":
            raise AttributeError(name)
        return getattr(self.plain, name)


class ToldIterator:
    """An iterator of a loader, in every other respect the one that it was."""

    def __init__(self, plain: Any, loader: Any, hooks: Any, recording: RecordingSampler) -> None:
        self._plain = plain
        # A persistent iterator is held by its loader, and one that is not may outlive it.
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
        self._hooks.give(batch, self._drawn)
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
    """int64 [B]; None for what is no row of whole numbers."""
    try:
        numbers = torch.as_tensor(indices)
    except (TypeError, ValueError, RuntimeError):
        return None
    if numbers.is_floating_point() or numbers.is_complex() or numbers.dtype == torch.bool or numbers.ndim > 1:
        return None
    return numbers.to(torch.int64).reshape(-1)
