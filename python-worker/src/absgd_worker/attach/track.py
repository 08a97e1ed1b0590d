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

    def __init__(self, loader: DataLoader[Any], tell: Callable[[Tensor], None]) -> None:
        if isinstance(loader.dataset, IterableDataset):
            raise TaskError(
                "the loader's data set is a stream (IterableDataset), whose samples have no numbers: "
                "give weigh(losses, index=…) what names them, or leave it out"
            )
        if not getattr(loader, "in_order", True):
            raise TaskError("the loader gives batches in any order (in_order=False): leave that out")
        self._loader = loader
        self._tell = tell
        self._drawn: deque[Tensor] = deque()
        self.indices: Tensor | None = None
        attribute = "sampler" if loader.batch_sampler is None else "batch_sampler"
        sampler = getattr(loader, attribute)
        # One that is tracked anew every epoch is recorded once.
        sampler = sampler.plain if isinstance(sampler, _Recording) else sampler
        # The loader refuses that it is set; it reads it anew whenever it is iterated over.
        object.__setattr__(loader, attribute, _Recording(sampler, self._begin))

    def __iter__(self) -> Iterator[Any]:
        for batch in self._loader:
            self.indices = self._drawn.popleft()
            self._tell(self.indices)
            yield batch

    def __len__(self) -> int:
        return len(self._loader)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def _begin(self) -> deque[Tensor]:
        self._drawn = deque()
        return self._drawn


class _Recording:
    """A sampler that notes what it draws."""

    def __init__(self, sampler: Any, begin: Callable[[], deque[Tensor]]) -> None:
        self.plain = sampler
        self._begin = begin

    def __iter__(self) -> Iterator[Any]:
        drawn = self._begin()
        for indices in self.plain:
            drawn.append(torch.as_tensor(indices, dtype=torch.int64).reshape(-1))
            yield indices

    def __len__(self) -> int:
        return len(self.plain)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.plain, name)
