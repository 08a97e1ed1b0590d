"""Which samples a call's losses belong to, as far as anybody tells.

Shapes: G samples of one call, N of all calls of a step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from absgd_worker.attach.samples.sample_origin import DataSet


class Identity(NamedTuple):
    """Any part of it may be unknown."""

    indices: Tensor | None = None
    """int64 [G], on the CPU: the samples' places in the data."""
    labels: Tensor | None = None
    """int64 [G], on any device: their classes, from 0; below 0 for those that have none."""
    ids: tuple[str, ...] | None = None
    """The user's own names of them; only with `indices`."""
    data: DataSet | None = None
    """What `indices` count; None where they were given by hand."""

    def of(self, kept_G: Tensor) -> Identity:
        """Of those samples that `kept_G`, bool [G], is true for."""
        index = None if self.indices is None else self.indices[kept_G.to(self.indices.device)]
        label = None if self.labels is None else self.labels[kept_G.to(self.labels.device)]
        ids = self.ids
        if ids is not None:
            ids = tuple(name for name, kept in zip(ids, kept_G.tolist(), strict=True) if kept)
        return Identity(index, label, ids, self.data)

    def unnamed(self) -> Identity:
        """Without what says which samples they are."""
        return self._replace(indices=None, ids=None, data=None)


NOBODY = Identity()


def given_identity(
    count: int, index: Tensor | None, label: Tensor | None, ids: Sequence[str] | None
) -> Identity:
    """What a caller says of `count` samples.

    Raises:
        ValueError: not one entry a sample, no whole numbers, or names without an index.
    """
    for name, given in (("index", index), ("label", label)):
        if given is None:
            continue
        if given.numel() != count or given.is_floating_point() or given.is_complex():
            raise ValueError(
                f"{name} is {given.dtype} of shape {list(given.shape)}, must be whole numbers, one for each "
                f"of the {count} samples"
            )
    if ids is not None and (index is None or len(ids) != count):
        raise ValueError(
            f"ids are {len(ids)} names{' without an index' if index is None else ''}, must be one for each "
            f"of the {count} samples, given with index=: a name is kept by the sample's index"
        )
    return Identity(
        None if index is None else index.detach().reshape(-1).cpu().to(torch.int64),
        None if label is None else label.detach().reshape(-1),
        None if ids is None else tuple(ids),
    )


def joined(parts: Sequence[Identity]) -> Identity:
    """Of all calls of a step: what all of them know. Samples of several data sets have no common index."""
    first = parts[0].data
    if any(
        (one is None) != (first is None) or (one and first and not one.is_same(first))
        for one in (part.data for part in parts)
    ):
        parts = [part.unnamed() for part in parts]
    index = [part.indices for part in parts if part.indices is not None]
    label = [part.labels for part in parts if part.labels is not None]
    ids = [part.ids for part in parts if part.ids is not None]
    return Identity(
        torch.cat(index) if len(index) == len(parts) else None,
        torch.cat(label) if len(label) == len(parts) else None,
        tuple(name for names in ids for name in names) if len(ids) == len(parts) else None,
        parts[0].data,
    )
