"""Sees which samples a DataLoader of torch gives, where it gives them: its own iterators are asked.

Loaders around it (Accelerate's, a subclass that reads ahead, drops or changes batches) may do what they
want: what they give is known by its tensors. Shapes: B samples of a batch.
"""

from __future__ import annotations

import weakref
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from absgd_worker.attach.samples.batch_structure import tensors_in
from absgd_worker.attach.samples.recording_sampler import Drawn, RecordingSampler, ToldIterator
from absgd_worker.attach.samples.sample_numbers import Names, SampleNumbers
from absgd_worker.attach.samples.sample_origin import Batch, Origin
from absgd_worker.attach.samples.tracked_batches import batches
from absgd_worker.attach.samples.watched_collate import WatchedCollate, keeps_order


class Hooks:
    """Of one DataLoader, for as long as it lives."""

    def __init__(self, loader: DataLoader[Any], ids: Names | None) -> None:
        # The loader holds its hooks, which are not to keep it alive in a circle.
        self._alive = weakref.ref(loader)
        self._ids = ids
        self._numbers: SampleNumbers | None = None
        self._unlisted: tuple[Any, Batch] | None = None
        self.has_begun = False
        """Whether an iterator of the loader was seen to begin."""
        attribute = "sampler" if loader.batch_sampler is None else "batch_sampler"
        self._recording = RecordingSampler(getattr(loader, attribute), self)
        # The loader refuses that it is set; it reads it anew whenever it is iterated over.
        object.__setattr__(loader, attribute, self._recording)
        self._collate: WatchedCollate | None = None
        if not keeps_order(loader.collate_fn):
            self._collate = WatchedCollate(loader.collate_fn, has_workers=loader.num_workers > 0)
            loader.collate_fn = self._collate
        loader._get_iterator = self._begin  # type: ignore[method-assign]

    @property
    def _loader(self) -> DataLoader[Any]:
        loader = self._alive()
        assert loader is not None
        return loader

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_numbers": None, "_unlisted": None, "_alive": self._alive()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _alive=weakref.ref(state["_alive"]))

    def name(self, ids: Names | None) -> None:
        """As `ids` of `track`, from the next batch on."""
        self._ids, self._numbers = ids, None
        self.numbers()

    def numbers(self) -> SampleNumbers:
        """Raises TaskError where names do not fit the samples."""
        if self._numbers is None:
            self._numbers = SampleNumbers(self._loader.dataset, self._loader, self._ids)
        return self._numbers

    def of_batch(self, batch: Any) -> Batch | None:
        """The samples of what a loader gave; None where they are not certain."""
        if self._unlisted is not None and self._unlisted[0] is batch:
            return self._unlisted[1]
        found = {origin.batch for one in tensors_in(batch) if (origin := batches.find(one)) is not None}
        return found.pop() if len(found) == 1 else None

    def _begin(self) -> Any:
        loader = self._loader
        return ToldIterator(type(loader)._get_iterator(loader), loader, self, self._recording)

    def give(self, batch: Any, drawn: Drawn) -> None:
        """An iterator gave `batch`; `drawn` is what its sampler has drawn for that and later ones."""
        self._unlisted = None
        batches.given += 1
        told = self._drawn_for_this(drawn)
        if told is not None and self._collate is not None:
            order = self._collate.order(told.shape[0], by_workers=self._loader.num_workers > 0)
            if order is None and told.shape[0] == 1:
                # One sample has one order.
                order = (0,)
            if order is None:
                collate = getattr(self._collate.plain, "__qualname__", type(self._collate.plain).__name__)
                batches.doubt = (
                    f"which sample each row is cannot be seen in what the collate function {collate} gives; "
                    "absgd_worker.track(loader, index=…) takes it from the batch"
                )
            told = None if order is None else told[torch.tensor(order, dtype=torch.int64)]
        if told is None:
            return
        made = self.numbers().batch(told)
        if not remember_batch(batch, made):
            self._unlisted = (batch, made)

    def _drawn_for_this(self, drawn: Drawn) -> Tensor | None:
        if not drawn:
            return None
        workers = self._loader.num_workers
        if not workers:
            # Loaders that take up an epoch in its middle draw what they leave out.
            told = drawn.pop()
            drawn.clear()
        else:
            told = drawn.popleft()
            # More than workers are given in advance: some were left out, and which is not known.
            told = None if len(drawn) > workers * (self._loader.prefetch_factor or 2) else told
        if told is None:
            batches.doubt = (
                "the loader's sampler does not draw the numbers of a batch's samples, one batch after the "
                "other; absgd_worker.track(loader, index=…) takes them from the batch"
            )
        return told


def hooks_of(loader: DataLoader[Any], ids: Names | None) -> Hooks:
    """Those of the innermost loader, put in where there are none. Raises what `Hooks.numbers` does."""
    # Accelerate's loaders draw with the one inside them.
    while isinstance(inner := vars(loader).get("base_dataloader"), DataLoader):
        loader = inner
    for sampler in (loader.batch_sampler, loader.sampler):
        if isinstance(sampler, RecordingSampler):
            sampler.hooks.name(ids)
            return sampler.hooks
    # Names that do not fit leave the loader as it is.
    SampleNumbers(loader.dataset, loader, ids)
    return Hooks(loader, ids)


def remember_batch(batch: Any, told: Batch) -> bool:
    """From now on the tensors in `batch` hold these samples. False where it has no tensors."""
    tensors = list(tensors_in(batch))
    count = told.indices.shape[0]
    columns = [one for one in tensors if one.numel() == count][:MOST_COLUMNS]
    told.columns = tuple(one.detach().clone() for one in columns if one.device.type == "cpu")
    told.has_columns_elsewhere = any(one.device.type != "cpu" for one in columns)
    for tensor in tensors:
        batches.remember(tensor, Origin(told))
    return bool(tensors)


MOST_COLUMNS = 4
