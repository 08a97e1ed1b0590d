"""The numbers of a loader's samples in the whole data set, and the user's names of the samples."""

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
    """Translates numbers in the loader's data set to numbers in the whole data set.

    A sample of a `Subset`, or of a subset of a subset, has the number that it has in the innermost data set.
    So the parts of a split share one numbering.

    Args:
        data: the loader's data set.
        holder: an object that keeps it alive.
        ids: one name for each sample of the whole data set or of the loader's data set; or names by number.
        are_given: whether the batches contain their numbers, which are then not translated.

    Raises:
        TaskError: the number of `ids` is neither of the two, or they could be meant both ways.
    """

    def __init__(self, data: Any, holder: object, ids: Names | None, *, are_given: bool = False) -> None:
        self._subset_indices: list[Tensor] = []
        """The indices of each nested subset, the outermost first."""
        while isinstance(data, Subset):
            if not are_given:
                self._subset_indices.append(torch.as_tensor(data.indices, dtype=torch.int64))
            data = data.dataset
        self._data = DataSet(data, holder)
        self._names: Any = ids
        if ids is not None and not are_given and not isinstance(ids, Mapping):
            self._names = self._names_by_number(ids, data)

    def batch(self, drawn: Tensor) -> Batch:
        """The batch of samples with the numbers `drawn` in the loader's data set, int64 [B].

        Raises:
            TaskError: names were given, and a sample has none.
        """
        numbers = self._to_whole_data_set(drawn)
        return Batch(numbers, self._data, None if self._names is None else self._names_of(numbers))

    def _names_of(self, numbers: Tensor) -> tuple[str, ...]:
        try:
            return tuple([self._names[number] for number in numbers.tolist()])
        except LookupError as error:
            raise TaskError(
                f"ids has {len(self._names):,} names, and none of sample {error.args[0]}: give one for each "
                "number that the batches hold"
                if isinstance(error, KeyError)
                else f"ids has {len(self._names):,} names, and batches hold samples up to {numbers.max():,}: "
                "give one for each number that they hold"
            ) from error

    def _to_whole_data_set(self, numbers: Tensor) -> Tensor:
        for indices in self._subset_indices:
            numbers = indices[numbers]
        return numbers

    def _names_by_number(self, ids: Sequence[str], data: Any) -> Names:
        own = None
        if self._subset_indices:
            own = self._to_whole_data_set(torch.arange(self._subset_indices[0].shape[0]))
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
    """The number of samples; None if the data set does not have one."""
    try:
        return len(data)
    except (TypeError, NotImplementedError):
        return None
