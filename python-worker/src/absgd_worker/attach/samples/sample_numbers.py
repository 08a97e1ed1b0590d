"""What the samples of a loader are called: their numbers in the data set, and the user's own names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Subset

from absgd_worker.attach.samples.sample_origin import Batch, DataSet
from absgd_worker.errors import TaskError

Names = Sequence[str] | Mapping[int, str]


class SampleNumbers:
    """Numbers are those of the whole data set: a sample of a `Subset`, or of a subset of a subset, has the
    number that it has in what they were taken from. The parts of a split share one numbering that way.

    Args:
        data: the loader's.
        holder: an object that keeps it alive.
        ids: one name a sample, of the whole data set or of the loader's own; or by number.
        is_told: whether batches tell their numbers themselves, which are not translated then.

    Raises:
        TaskError: `ids` are not one for each sample, or may be meant in two ways.
    """

    def __init__(self, data: Any, holder: object, ids: Names | None, *, is_told: bool = False) -> None:
        self._places: list[Tensor] = []
        while isinstance(data, Subset):
            if not is_told:
                self._places.append(torch.as_tensor(data.indices, dtype=torch.int64))
            data = data.dataset
        self._data = DataSet(data, holder)
        self._names: Any = ids
        if ids is not None and not is_told and not isinstance(ids, Mapping):
            self._names = self._named(ids, data)

    def batch(self, drawn: Tensor) -> Batch:
        """Of samples by their numbers in the loader's data set, int64 [B]. Raises TaskError for one that has
        no name where names were given."""
        numbers = self._whole(drawn)
        return Batch(numbers, self._data, None if self._names is None else self._names_of(numbers))

    def _names_of(self, numbers: Tensor) -> tuple[str, ...]:
        try:
            return tuple([self._names[one] for one in numbers.tolist()])
        except LookupError as error:
            raise TaskError(
                f"ids has {len(self._names):,} names, and none of sample {error.args[0]}: give one for each "
                "number that the batches hold"
                if isinstance(error, KeyError)
                else f"ids has {len(self._names):,} names, and batches hold samples up to {numbers.max():,}: "
                "give one for each number that they hold"
            ) from error

    def _whole(self, numbers: Tensor) -> Tensor:
        for places in self._places:
            numbers = places[numbers]
        return numbers

    def _named(self, ids: Sequence[str], data: Any) -> Names:
        own = self._whole(torch.arange(self._places[0].shape[0])) if self._places else None
        whole = _size(data)
        if own is None or len(ids) != own.shape[0]:
            if len(ids) == whole or (own is None and whole is None):
                return ids
            of_own = (
                "" if own is None else f", or {own.shape[0]:,}, one for each of the subset that is loaded"
            )
            size = "as many as samples" if whole is None else format(whole, ",")
            raise TaskError(
                f"ids are {len(ids):,} names, must be {size}, one for each sample of the data set{of_own}"
            )
        if len(ids) == whole and not torch.equal(own, torch.arange(len(ids))):
            raise TaskError(
                f"ids are {len(ids):,} names, which fit the samples of the subset in its order and those of "
                "the whole data set in its: give ids={number in the whole data set: name}"
            )
        return dict(zip(own.tolist(), ids, strict=True))


def _size(data: Any) -> int | None:
    try:
        return len(data)
    except (TypeError, NotImplementedError):
        return None
