"""Data loaders that tell which samples their batches hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from absgd_worker.attach.samples.followed_conversions import follow
from absgd_worker.attach.samples.loader_hooks import Hooks, hooks_of, remember_batch
from absgd_worker.attach.samples.sample_numbers import Names, SampleNumbers
from absgd_worker.attach.samples.tracked_batches import batches
from absgd_worker.errors import TaskError

IndexOf = Callable[[Any], Any] | str | int


class Tracked:
    """A data loader whose batches are known by their tensors; in every other respect the loader that it was.

    The samples of the batch that was given last are in `indices`, int64 [B]; None where they are not certain.
    Random numbers are drawn as without it, with worker processes too.
    """

    def __init__(
        self,
        loader: Iterable[Any],
        *,
        ids: Names | None = None,
        index: IndexOf | None = None,
    ) -> None:
        # A cell of a notebook that is run twice tracks what it has tracked.
        plain: Any = loader._loader if isinstance(loader, Tracked) else loader
        self._hooks: Hooks | None = None
        if index is None:
            _require_numbers(plain)
            self._hooks = hooks_of(plain, ids)
        self._numbers = SampleNumbers(getattr(plain, "dataset", plain), self, ids, is_told=index is not None)
        self._index = index
        self._loader = plain
        self.indices: Tensor | None = None
        follow()

    def __iter__(self) -> Iterator[Any]:
        for batch in self._loader:
            if self._index is not None:
                told = self._numbers.batch(_told(batch, self._index))
                told.is_told = True
                batches.given += 1
                remember_batch(batch, told)
                self.indices = told.indices
            else:
                self.indices = self._found(batch)
            yield batch

    def _found(self, batch: Any) -> Tensor | None:
        assert self._hooks is not None
        if not self._hooks.has_begun:
            raise TaskError(
                f"{type(self._loader).__name__} has begun with its sampler before it was tracked, or passes "
                "it by, so that its samples cannot be told: track(loader, index=…) takes what a batch holds "
                "of them, weigh(losses, index=…) what the loop knows"
            )
        found = self._hooks.of_batch(batch)
        return None if found is None else found.indices

    def __len__(self) -> int:
        return len(self._loader)

    def __getattr__(self, name: str) -> Any:
        if name == "_loader":
            raise AttributeError(name)
        return getattr(self._loader, name)


def _require_numbers(loader: Any) -> None:
    """Raises TaskError for what does not draw its samples by number."""
    if not isinstance(loader, DataLoader):
        raise TaskError(
            f"only a torch DataLoader's samples can be told, not those of {type(loader).__name__}: track the "
            "loader inside it, or say what a batch holds of them, track(loader, index=…), or give "
            "weigh(losses, index=…)"
        )
    if isinstance(loader.dataset, IterableDataset):
        raise TaskError(
            "the loader's data set is a stream (IterableDataset), whose samples have no numbers: say what a "
            "batch holds that numbers them, track(loader, index=…), give weigh(losses, index=…), or leave it "
            "out"
        )
    if not getattr(loader, "in_order", True):
        raise TaskError(
            "the loader gives batches in any order (in_order=False): leave that out, or say what a batch "
            "holds of its samples, track(loader, index=…)"
        )


def _told(batch: Any, index: IndexOf) -> Tensor:
    """What a batch holds of its samples, int64 [B]."""
    try:
        given = index(batch) if callable(index) else batch[index]
    except (KeyError, IndexError, TypeError) as error:
        raise TaskError(
            f"track(loader, index={index!r}) finds nothing in a batch, which is a {type(batch).__name__}: "
            f"{type(error).__name__}: {error}. Give the key or place at which the batch holds the samples' "
            "numbers, or a function of the batch that gives them"
        ) from error
    numbers = given.detach().cpu() if isinstance(given, Tensor) else torch.as_tensor(given)
    if numbers.is_floating_point() or numbers.is_complex() or numbers.dtype == torch.bool:
        raise TaskError(
            f"track(loader, index=…) gives {numbers.dtype} of shape {list(numbers.shape)}, must be whole "
            "numbers, one for each sample of the batch"
        )
    return numbers.to(torch.int64).reshape(-1)
