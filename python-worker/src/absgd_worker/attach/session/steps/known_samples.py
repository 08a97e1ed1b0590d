"""Which samples of the data set the losses of a session belong to, as far as that is certain.

Shapes: M samples chosen from a loss.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from absgd_worker.attach.samples.sample_identity import UNKNOWN_IDENTITY, Identity
from absgd_worker.attach.samples.sample_origin import DataSet, Origin
from absgd_worker.attach.samples.tracked_batches import batches
from absgd_worker.attach.session.steps.weighed_losses import WeighedLosses


def identity_of(origin: Origin | None, count: int, index_M: Tensor | None = None) -> Identity:
    """The identity of `count` samples of a loss; unknown if their number does not fit.

    Args:
        origin: the samples of the whole loss, in order.
        index_M: the positions of those samples that were chosen; None: all.
    """
    if origin is None or (index_M is None and origin.size != count):
        return UNKNOWN_IDENTITY
    if index_M is not None:
        chosen: list[int] = index_M.tolist()
        if len(chosen) != count or max(chosen) >= origin.size:
            return UNKNOWN_IDENTITY
        origin = origin.select(chosen)
    return Identity(origin.indices, None, origin.ids, origin.batch.data)


class KnownSamples:
    """Keeps the samples of a training to one data set: the first one that a step knew."""

    def __init__(self) -> None:
        self._data: DataSet | None = None
        self._given_before = batches.given
        self.doubt: str | None = None
        """Why the samples of the last step are not known, for people; None if they are, or if no loader is
        tracked."""

    def checked(self, parts: Mapping[str, WeighedLosses]) -> Mapping[str, WeighedLosses]:
        """The losses of a step, without identities of another data set, whose indices mean other samples."""
        self.doubt = None
        (name, first), *_ = parts.items()
        identity = first.identity
        if identity.indices is None:
            if batches.given > self._given_before:
                self.doubt = batches.doubt or _NOT_PROVEN
            return parts
        if identity.data is None:
            return parts
        if self._data is None:
            self._data = identity.data
        if self._data.is_same(identity.data):
            return parts
        self.doubt = "they belong to another data set than the samples of earlier steps"
        return {**parts, name: first._replace(identity=identity.without_indices())}


_NOT_PROVEN = "the losses may not be those of one batch of the tracked loader, in its order"
