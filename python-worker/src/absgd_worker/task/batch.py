"""A batch, and which samples are in it.

Shapes: B samples drawn for a batch, G of them given to collate, K results of the task's functions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor


class Batch(NamedTuple):
    """A batch, and which samples are in it."""

    data: Any
    """The argument for the task's functions; None if no sample is left."""
    size: int
    """B."""
    indices_G: Tensor
    """Indices of the samples that collate was given, int64 on the CPU; G < B if some were skipped before."""
    missing: frozenset[int] = frozenset()
    """The indices among them for which the dataset returned None."""
    may_be_fewer: bool = False
    """Whether collate is the task's own, and so may return fewer samples than it was given."""

    @property
    def is_empty(self) -> bool:
        """Whether no sample is left."""
        return self.data is None or (self.may_be_fewer and leading_size(self.data) == 0)

    def accepts(self, rows: int) -> bool:
        """Whether `rows` is a possible number of results K for this batch."""
        given, present = self.indices_G.shape[0], self.indices_G.shape[0] - len(self.missing)
        if rows in (given, present):
            return True
        return self.may_be_fewer and 0 < rows < given and leading_size(self.data) == rows

    def indices_of(self, rows: int) -> Tensor | None:
        """The sample index of each of `rows` results, int64 [K]; None if it is not certain.

        It is certain if K = G, or if collate left out exactly the samples that were None.
        """
        given = self.indices_G.shape[0]
        if not self.missing:
            return self.indices_G if rows == given else None
        if rows != given - len(self.missing):
            # With as many results as samples, collate has replaced the samples that were None.
            return None
        return torch.tensor([index for index in self.indices_G.tolist() if index not in self.missing])


def leading_size(data: Any) -> int | None:
    """The first dimension of all tensors in tuples, lists and mappings; None if they differ."""
    sizes = {tensor.shape[0] for tensor in _tensors_in(data) if tensor.ndim}
    return sizes.pop() if len(sizes) == 1 else None


def _tensors_in(data: Any) -> Iterator[Tensor]:
    if isinstance(data, Tensor):
        yield data
    elif isinstance(data, (tuple, list, Mapping)):
        for part in data.values() if isinstance(data, Mapping) else data:
            yield from _tensors_in(part)
