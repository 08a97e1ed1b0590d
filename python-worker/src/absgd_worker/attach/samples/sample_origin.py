"""The samples that tensors hold, and what their indices count.

Shapes: B samples of a batch.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor


class DataSet:
    """The data that indices count. Two are the same while they are of one object that is alive."""

    def __init__(self, data: object, holder: object) -> None:
        """`holder`: an object that keeps `data` alive, for data that cannot be referred to weakly."""
        self._id = id(data)
        try:
            self._alive: weakref.ref[Any] = weakref.ref(data)
        except TypeError:
            self._alive = weakref.ref(holder)

    def is_same(self, other: DataSet) -> bool:
        """Whether indices of both mean the same samples."""
        if self is other:
            return True
        return self._id == other._id and self.is_alive and other.is_alive

    @property
    def is_alive(self) -> bool:
        return self._alive() is not None


class Batch:
    """The samples of one batch of a tracked loader."""

    def __init__(self, indices: Tensor, data: DataSet, ids: tuple[str, ...] | None = None) -> None:
        self.indices = indices
        """int64 [B], on the CPU."""
        self.data = data
        self.ids = ids
        """The user's own names of them; None where there are none."""
        self.columns: tuple[Tensor, ...] = ()
        """Copies of the batch's tensors with one number a sample, as labels are; those on the CPU."""
        self.has_columns_elsewhere = False
        """Whether it has such tensors on other devices."""
        self.is_told = False
        """Whether the batch itself told its indices, which holds against what was seen of the loader."""


class Origin(NamedTuple):
    """The samples that a tensor holds, in their order."""

    batch: Batch
    rows: tuple[int, ...] | None = None
    """Of the batch; None for all of them."""

    @property
    def size(self) -> int:
        """Samples."""
        return self.batch.indices.shape[0] if self.rows is None else len(self.rows)

    @property
    def indices(self) -> Tensor:
        """int64 [size]."""
        indices = self.batch.indices
        return indices if self.rows is None else indices[torch.tensor(self.rows, dtype=torch.int64)]

    @property
    def ids(self) -> tuple[str, ...] | None:
        """Their names; None where there are none."""
        ids = self.batch.ids
        return ids if ids is None or self.rows is None else tuple([ids[row] for row in self.rows])

    def at(self, rows: Sequence[int]) -> Origin:
        """Of these of its samples; IndexError where it has not as many."""
        everything: Sequence[int] = range(self.size) if self.rows is None else self.rows
        chosen = tuple([everything[row] for row in rows])
        return Origin(self.batch, None if chosen == tuple(range(self.batch.indices.shape[0])) else chosen)


def agree(one: Origin | None, other: Origin | None) -> bool:
    """Whether both say the same samples in the same order."""
    if one is None or other is None:
        return False
    if one.batch is other.batch:
        return one.rows == other.rows
    return one.batch.data.is_same(other.batch.data) and torch.equal(one.indices, other.indices)
