"""Records which samples a DataLoader of torch yields, at its own iterators.

Loaders around it (Accelerate's, or a subclass that prefetches, drops or changes batches) are not observed:
their batches are recognised by their tensors. Shapes: B samples of a batch.
"""

from __future__ import annotations

import weakref
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from absgd_worker.attach.samples.batch_structure import tensors_in
from absgd_worker.attach.samples.epoch_length import epoch_length
from absgd_worker.attach.samples.recording_sampler import DrawnBatches, RecordingIterator, RecordingSampler
from absgd_worker.attach.samples.sample_numbers import Names, SampleNumbers
from absgd_worker.attach.samples.sample_origin import Batch, Origin
from absgd_worker.attach.samples.tracked_batches import batches
from absgd_worker.attach.samples.watched_collate import WatchedCollate, keeps_order


class LoaderHooks:
    """The hooks of one DataLoader, which stay until the loader is deleted."""

    def __init__(self, loader: DataLoader[Any], ids: Names | None) -> None:
        # A weak reference avoids a cycle: the loader refers to its hooks.
        self._loader_ref = weakref.ref(loader)
        self._ids = ids
        self._numbers: SampleNumbers | None = None
        self._batch_without_tensors: tuple[Any, Batch] | None = None
        """The last batch and its samples, if it has no tensors by which it could be recognised."""
        self.has_begun = False
        """Whether an iterator of the loader began since the hooks were set."""
        attribute = "sampler" if loader.batch_sampler is None else "batch_sampler"
        self._recording = RecordingSampler(getattr(loader, attribute), self)
        # The loader's own __setattr__ forbids this. The loader reads the attribute at every iteration.
        object.__setattr__(loader, attribute, self._recording)
        self._collate: WatchedCollate | None = None
        if not keeps_order(loader.collate_fn):
            self._collate = WatchedCollate(loader.collate_fn, has_workers=loader.num_workers > 0)
            loader.collate_fn = self._collate
        loader._get_iterator = self._begin  # type: ignore[method-assign]

    @property
    def _loader(self) -> DataLoader[Any]:
        loader = self._loader_ref()
        assert loader is not None
        return loader

    def __getstate__(self) -> dict[str, Any]:
        return {
            **vars(self),
            "_numbers": None,
            "_batch_without_tensors": None,
            "_loader_ref": self._loader_ref(),
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _loader_ref=weakref.ref(state["_loader_ref"]))

    def set_names(self, ids: Names | None) -> None:
        """Sets the samples' names from the next batch on. `ids`: as in `absgd_worker.track`.

        Raises:
            TaskError: the names do not fit the samples.
        """
        self._ids, self._numbers = ids, None
        self.numbers()

    def numbers(self) -> SampleNumbers:
        """The numbers and names of the loader's samples. Raises TaskError if the names do not fit them."""
        if self._numbers is None:
            self._numbers = SampleNumbers(self._loader.dataset, self._loader, self._ids)
        return self._numbers

    def samples_of(self, batch: Any) -> Batch | None:
        """The samples of a batch that a loader yielded; None if they are not certain."""
        if self._batch_without_tensors is not None and self._batch_without_tensors[0] is batch:
            return self._batch_without_tensors[1]
        found = {origin.batch for tensor in tensors_in(batch) if (origin := batches.find(tensor)) is not None}
        return found.pop() if len(found) == 1 else None

    def _begin(self) -> Any:
        loader = self._loader
        epoch_length.begun(loader)
        return RecordingIterator(type(loader)._get_iterator(loader), loader, self, self._recording)

    def record(self, batch: Any, drawn: DrawnBatches) -> None:
        """Records a batch that an iterator yielded.

        `drawn`: the indices that the iterator's sampler has drawn for this batch and for later ones.
        """
        self._batch_without_tensors = None
        batches.given += 1
        indices = self._take_drawn(drawn)
        if indices is not None and self._collate is not None:
            order = self._collate.order(indices.shape[0], by_workers=self._loader.num_workers > 0)
            if order is None and indices.shape[0] == 1:
                # A single sample has only one order.
                order = (0,)
            if order is None:
                collate = getattr(self._collate.plain, "__qualname__", type(self._collate.plain).__name__)
                batches.doubt = (
                    "it is unknown which sample each row is in the batch that the collate function "
                    f"{collate} gives; absgd_worker.track(loader, index=…) reads the samples' numbers from "
                    "the batch"
                )
            indices = None if order is None else indices[torch.tensor(order, dtype=torch.int64)]
        if indices is None:
            return
        samples = self.numbers().batch(indices)
        if not remember_batch(batch, samples):
            self._batch_without_tensors = (batch, samples)

    def _take_drawn(self, drawn: DrawnBatches) -> Tensor | None:
        """The indices of the current batch, int64 [B], which are removed from `drawn`; None if unknown."""
        if not drawn:
            return None
        workers = self._loader.num_workers
        if not workers:
            # A loader that resumes in the middle of an epoch draws the skipped batches too.
            indices = drawn.pop()
            drawn.clear()
        else:
            indices = drawn.popleft()
            # More batches are drawn than the workers prefetch, so that some were skipped, unknown which.
            indices = None if len(drawn) > workers * (self._loader.prefetch_factor or 2) else indices
        if indices is None:
            batches.doubt = (
                "the loader's sampler does not draw the numbers of the samples batch by batch; "
                "absgd_worker.track(loader, index=…) reads them from the batch"
            )
        return indices


def hooks_of(loader: DataLoader[Any], ids: Names | None) -> LoaderHooks:
    """The hooks of the innermost loader, which are set if there are none. `ids`: as in `track`.

    Raises:
        TaskError: the names do not fit the samples.
    """
    # A loader of Accelerate draws its samples with the loader inside it.
    while isinstance(inner := vars(loader).get("base_dataloader"), DataLoader):
        loader = inner
    for sampler in (loader.batch_sampler, loader.sampler):
        if isinstance(sampler, RecordingSampler):
            sampler.hooks.set_names(ids)
            return sampler.hooks
    # The names are checked first, so that an error leaves the loader unchanged.
    SampleNumbers(loader.dataset, loader, ids)
    return LoaderHooks(loader, ids)


def remember_batch(batch: Any, samples: Batch) -> bool:
    """Records that the tensors in `batch` hold these samples; returns whether it has tensors."""
    tensors = list(tensors_in(batch))
    count = samples.indices.shape[0]
    columns = [tensor for tensor in tensors if tensor.numel() == count][:MOST_COLUMNS]
    samples.columns = tuple(column.detach().clone() for column in columns if column.device.type == "cpu")
    samples.has_columns_elsewhere = any(column.device.type != "cpu" for column in columns)
    for tensor in tensors:
        batches.remember(tensor, Origin(samples))
    return bool(tensors)


MOST_COLUMNS = 4
