"""Which samples the losses of a call belong to, as far as that is known.

Shapes: G samples of one call, N of all calls of a step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from absgd_worker.attach.samples.sample_origin import DataSet


class Identity(NamedTuple):
    """The identity of the samples of one call. Each field is None if it is unknown."""

    indices: Tensor | None = None
    """int64 [G], on the CPU: the samples' positions in the data set."""
    labels: Tensor | None = None
    """int64 [G], on any device: the samples' classes, from 0; negative for samples without a class."""
    ids: tuple[str, ...] | None = None
    """The user's names of the samples; only with `indices`."""
    data: DataSet | None = None
    """The data set of `indices`; None if the script gave them."""

    def select(self, kept_G: Tensor) -> Identity:
        """The identity of the samples for which `kept_G`, bool [G], is true."""
        index = None if self.indices is None else self.indices[kept_G.to(self.indices.device)]
        label = None if self.labels is None else self.labels[kept_G.to(self.labels.device)]
        ids = self.ids
        if ids is not None:
            ids = tuple(name for name, kept in zip(ids, kept_G.tolist(), strict=True) if kept)
        return Identity(index, label, ids, self.data)

    def without_indices(self) -> Identity:
        """The labels only."""
        return self._replace(indices=None, ids=None, data=None)


UNKNOWN_IDENTITY = Identity()


def given_identity(
    count: int, index: Tensor | None, label: Tensor | None, ids: Sequence[str] | None
) -> Identity:
    """The identity of `count` samples from the arguments of `absgd_worker.weigh`.

    Raises:
        ValueError: an argument does not have one entry for each sample, an index or a label is no whole
            number, or there are names without an index.
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


def join_identities(parts: Sequence[Identity]) -> Identity:
    """The identity of the samples of all calls of a step, [N]. A field that is unknown in one call is None.

    The indices are unknown if the calls have samples of several data sets. `parts`: at least one.
    """
    first = parts[0].data
    if any(
        (data is None) != (first is None) or (data and first and not data.is_same(first))
        for data in (part.data for part in parts)
    ):
        parts = [part.without_indices() for part in parts]
    index = [part.indices for part in parts if part.indices is not None]
    label = [part.labels for part in parts if part.labels is not None]
    ids = [part.ids for part in parts if part.ids is not None]
    return Identity(
        torch.cat(index) if len(index) == len(parts) else None,
        torch.cat(label) if len(label) == len(parts) else None,
        tuple(name for names in ids for name in names) if len(ids) == len(parts) else None,
        parts[0].data,
    )
