"""Which samples of the data set the losses of a session are, as far as that is certain.

Shapes: G samples of one call, M of them that were chosen from a loss.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from absgd_worker.attach.samples.sample_identity import NOBODY, Identity
from absgd_worker.attach.samples.sample_origin import DataSet, Origin
from absgd_worker.attach.samples.tracked_batches import batches
from absgd_worker.attach.session.accumulation import Part


def identity_of(origin: Origin | None, count: int, index_M: Tensor | None = None) -> Identity:
    """Of `count` samples of a loss: all that `origin` tells of, in their order, or those that `index_M`
    chooses. Nobody's where their number is another."""
    if origin is None or (index_M is None and origin.size != count):
        return NOBODY
    if index_M is not None:
        chosen: list[int] = index_M.tolist()
        if len(chosen) != count or max(chosen) >= origin.size:
            return NOBODY
        origin = origin.at(chosen)
    return Identity(origin.indices, None, origin.ids, origin.batch.data)


class KnownSamples:
    """Of a session: its samples are of one data set, the first that a reported step knew."""

    def __init__(self) -> None:
        self._data: DataSet | None = None
        self._given_before = batches.given
        self.doubt: str | None = None
        """Why the samples of the step that was looked at last are not known, for people; None where they are,
        or nobody tells them."""

    def checked(self, parts: Mapping[str, Part]) -> Mapping[str, Part]:
        """The parts of a step, without the samples of another data set: their numbers mean others."""
        self.doubt = None
        (name, first), *_ = parts.items()
        identity = first.identity
        if identity.indices is None:
            if batches.given > self._given_before:
                self.doubt = batches.doubt or _UNPROVED
            return parts
        if identity.data is None:
            return parts
        if self._data is None:
            self._data = identity.data
        if self._data.is_same(identity.data):
            return parts
        self.doubt = "they are of another data set than those before"
        return {**parts, name: first._replace(identity=identity.unnamed())}


_UNPROVED = "that its losses are those of one batch of the tracked loader, in its order, cannot be seen"
