"""A data loader that records which samples its batches hold, for `absgd_worker.track`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from absgd_worker.attach.samples.epoch_length import epoch_length
from absgd_worker.attach.samples.followed_conversions import follow_conversions
from absgd_worker.attach.samples.loader_hooks import LoaderHooks, hooks_of, remember_batch
from absgd_worker.attach.samples.sample_numbers import Names, SampleNumbers
from absgd_worker.attach.samples.tracked_batches import batches
from absgd_worker.errors import TaskError

IndexOf = Callable[[Any], Any] | str | int


class Tracked:
    """A data loader whose batches are recorded, and which otherwise behaves like `loader`.

    It draws the same random numbers as `loader`, with loader processes too.

    Attributes:
        indices: the samples of the batch that was yielded last, int64 [B]; None if they are not certain, or
            before the first batch.
    """

    def __init__(
        self,
        loader: Iterable[Any],
        *,
        ids: Names | None = None,
        index: IndexOf | None = None,
    ) -> None:
        # A notebook cell that runs twice tracks a tracked loader.
        plain: Any = loader._loader if isinstance(loader, Tracked) else loader
        self._hooks: LoaderHooks | None = None
        if index is None:
            _require_numbers(plain)
            self._hooks = hooks_of(plain, ids)
        self._numbers = SampleNumbers(
            getattr(plain, "dataset", plain), self, ids, are_given=index is not None
        )
        self._index = index
        self._loader = plain
        self.indices: Tensor | None = None
        follow_conversions()

    def __iter__(self) -> Iterator[Any]:
        epoch_length.begun(self)
        for batch in self._loader:
            if self._index is not None:
                samples = self._numbers.batch(_given_indices(batch, self._index))
                samples.has_given_indices = True
                batches.given += 1
                remember_batch(batch, samples)
                self.indices = samples.indices
            else:
                self.indices = self._recorded_indices(batch)
            yield batch

    def _recorded_indices(self, batch: Any) -> Tensor | None:
        assert self._hooks is not None
        if not self._hooks.has_begun:
            raise TaskError(
                f"{type(self._loader).__name__} has begun to iterate before it was tracked, or does not use "
                "its sampler, so that its samples are unknown: use track(loader, index=…) to read their "
                "numbers from the batch, or weigh(losses, index=…) to give them"
            )
        samples = self._hooks.samples_of(batch)
        return None if samples is None else samples.indices

    def __len__(self) -> int:
        return len(self._loader)

    def __getattr__(self, name: str) -> Any:
        if name == "_loader":
            raise AttributeError(name)
        return getattr(self._loader, name)


def _require_numbers(loader: Any) -> None:
    """Raises TaskError for a loader that does not draw its samples by number."""
    if not isinstance(loader, DataLoader):
        raise TaskError(
            "only the samples of a torch DataLoader can be identified, not those of "
            f"{type(loader).__name__}: track the loader inside it, or use track(loader, index=…) to read "
            "their numbers from the batch, or weigh(losses, index=…) to give them"
        )
    if isinstance(loader.dataset, IterableDataset):
        raise TaskError(
            "the loader's data set is a stream (IterableDataset), whose samples have no numbers: use "
            "track(loader, index=…) to read numbers from the batch, or weigh(losses, index=…) to give them, "
            "or do not track the loader"
        )
    if not getattr(loader, "in_order", True):
        raise TaskError(
            "the loader yields batches in any order (in_order=False): remove in_order=False, or use "
            "track(loader, index=…) to read the samples' numbers from the batch"
        )


def _given_indices(batch: Any, index: IndexOf) -> Tensor:
    """The numbers of its samples that a batch contains, int64 [B].

    Raises:
        TaskError: the batch contains no such numbers.
    """
    try:
        given = index(batch) if callable(index) else batch[index]
    except (KeyError, IndexError, TypeError) as error:
        raise TaskError(
            f"track(loader, index={index!r}) finds nothing in a batch, which is a {type(batch).__name__}: "
            f"{type(error).__name__}: {error}. Give the key or position at which the batch has the samples' "
            "numbers, or a function of the batch that returns them"
        ) from error
    numbers = given.detach().cpu() if isinstance(given, Tensor) else torch.as_tensor(given)
    if numbers.is_floating_point() or numbers.is_complex() or numbers.dtype == torch.bool:
        raise TaskError(
            f"track(loader, index=…) gives {numbers.dtype} of shape {list(numbers.shape)}, must be whole "
            "numbers, one for each sample of the batch"
        )
    return numbers.to(torch.int64).reshape(-1)
