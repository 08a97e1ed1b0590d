"""Which samples a data loader's batches hold."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from absgd_worker.errors import TaskError


class Tracked:
    """A data loader that tells what its sampler drew; in every other respect the loader that it was.

    The samples of the batch that was given last are in `indices`, int64 [B]. Random numbers are drawn as
    without it, with worker processes too: samplers run in this process, and batches come in their order.
    """

    def __init__(self, loader: DataLoader[Any] | Tracked, tell: Callable[[Tensor], None]) -> None:
        # A cell of a notebook that is run twice tracks what it has tracked.
        plain = loader._loader if isinstance(loader, Tracked) else loader
        if not isinstance(plain, DataLoader):
            raise TaskError(
                f"only a torch DataLoader's samples can be told, not those of {type(plain).__name__}: "
                "track the loader inside it, or give weigh(losses, index=…)"
            )
        if isinstance(plain.dataset, IterableDataset):
            raise TaskError(
                "the loader's data set is a stream (IterableDataset), whose samples have no numbers: "
                "give weigh(losses, index=…) what names them, or leave it out"
            )
        if not getattr(plain, "in_order", True):
            raise TaskError("the loader gives batches in any order (in_order=False): leave that out")
        self._loader = plain
        self._tell = tell
        self._recording = _recording(plain)
        self.indices: Tensor | None = None

    def __iter__(self) -> Iterator[Any]:
        drawn: deque[Tensor] | None = None
        for batch in self._loader:
            # Loaders of frameworks begin with their sampler at the first batch.
            drawn = self._recording.drawn if drawn is None else drawn
            if not drawn:
                raise TaskError(
                    f"{type(self._loader).__name__} has begun with its sampler before it was tracked, or "
                    "passes it by, so that its samples cannot be told: give weigh(losses, index=…)"
                )
            self.indices = drawn.popleft()
            self._tell(self.indices)
            yield batch

    def __len__(self) -> int:
        return len(self._loader)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)


class _Recording:
    """A sampler that notes what it draws: `drawn` belongs to the iterator that was begun last."""

    def __init__(self, sampler: Any) -> None:
        self.plain = sampler
        self.drawn: deque[Tensor] = deque()

    def __iter__(self) -> Iterator[Any]:
        self.drawn = drawn = deque[Tensor]()
        return self._draw(drawn)

    def _draw(self, drawn: deque[Tensor]) -> Iterator[Any]:
        for indices in self.plain:
            drawn.append(torch.as_tensor(indices, dtype=torch.int64).reshape(-1))
            yield indices

    def __len__(self) -> int:
        return len(self.plain)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.plain, name)


def _recording(loader: DataLoader[Any]) -> _Recording:
    # Accelerate's loaders draw with the one inside them.
    while isinstance(inner := vars(loader).get("base_dataloader"), DataLoader):
        loader = inner
    attribute = "sampler" if loader.batch_sampler is None else "batch_sampler"
    sampler = getattr(loader, attribute)
    if isinstance(sampler, _Recording):
        return sampler
    recording = _Recording(sampler)
    # The loader refuses that it is set; it reads it anew whenever it is iterated over.
    object.__setattr__(loader, attribute, recording)
    return recording
