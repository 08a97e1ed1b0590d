"""Which samples of which data set a tensor holds.

Shapes: B samples of a batch.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor


class DataSet:
    """The data set that indices refer to. Two are equal if they stand for the same living object."""

    def __init__(self, data: object, holder: object) -> None:
        """`holder`: an object that keeps `data` alive, for data that does not support weak references."""
        self._id = id(data)
        try:
            self._reference: weakref.ref[Any] = weakref.ref(data)
        except TypeError:
            self._reference = weakref.ref(holder)

    def is_same(self, other: DataSet) -> bool:
        """Whether equal indices of both mean the same sample."""
        if self is other:
            return True
        return self._id == other._id and self.is_alive and other.is_alive

    @property
    def is_alive(self) -> bool:
        """Whether the data set still exists."""
        return self._reference() is not None


class Batch:
    """The samples of one batch of a tracked loader."""

    def __init__(self, indices: Tensor, data: DataSet, ids: tuple[str, ...] | None = None) -> None:
        self.indices = indices
        """int64 [B], on the CPU."""
        self.data = data
        self.ids = ids
        """The user's names of the samples, one for each; None if there are none."""
        self.columns: tuple[Tensor, ...] = ()
        """Copies of the batch's tensors on the CPU with one value per sample, such as labels."""
        self.has_columns_elsewhere = False
        """Whether the batch has such tensors on other devices."""
        self.has_given_indices = False
        """Whether the indices were read from the batch itself. They take precedence over those of a
        loader."""


class Origin(NamedTuple):
    """The samples that a tensor holds, in order."""

    batch: Batch
    rows: tuple[int, ...] | None = None
    """The positions of the samples in the batch; None for all in order."""

    @property
    def size(self) -> int:
        """The number of samples."""
        return self.batch.indices.shape[0] if self.rows is None else len(self.rows)

    @property
    def indices(self) -> Tensor:
        """The samples' indices in the data set, int64 [size]."""
        indices = self.batch.indices
        return indices if self.rows is None else indices[torch.tensor(self.rows, dtype=torch.int64)]

    @property
    def ids(self) -> tuple[str, ...] | None:
        """The user's names of the samples; None if there are none."""
        ids = self.batch.ids
        return ids if ids is None or self.rows is None else tuple([ids[row] for row in self.rows])

    def select(self, rows: Sequence[int]) -> Origin:
        """The samples at these positions. Raises IndexError for a position that does not exist."""
        own_rows: Sequence[int] = range(self.size) if self.rows is None else self.rows
        selected = tuple([own_rows[row] for row in rows])
        is_all = selected == tuple(range(self.batch.indices.shape[0]))
        return Origin(self.batch, None if is_all else selected)


def are_same_samples(left: Origin | None, right: Origin | None) -> bool:
    """Whether both are known and have the same samples in the same order."""
    if left is None or right is None:
        return False
    if left.batch is right.batch:
        return left.rows == right.rows
    return left.batch.data.is_same(right.batch.data) and torch.equal(left.indices, right.indices)
