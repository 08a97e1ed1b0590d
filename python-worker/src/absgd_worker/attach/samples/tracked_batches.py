"""The samples of the tensors of tracked batches, which are recognised by their position in memory.

No tensor of the script is kept alive.
"""

from __future__ import annotations

import threading
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef

from absgd_worker.attach.samples.sample_origin import Origin, are_same_samples
from absgd_worker.attach.samples.tensor_geometry import Geometry, rows_of


class _KnownTensor(NamedTuple):
    """A tensor at the time its samples were recorded."""

    geometry: Geometry
    version: int
    """The tensor's version counter, which changes with its content."""
    origin: Origin | None
    """None if several batches share the tensor, so that its samples are ambiguous."""


class _KnownStorage:
    """The known tensors of one storage, the latest last."""

    def __init__(self, storage: Any) -> None:
        self.reference = StorageWeakRef(storage)
        self.tensors: dict[Geometry, _KnownTensor] = {}

    def put(self, new: _KnownTensor) -> None:
        """Adds a tensor. It replaces the one of the same geometry."""
        old = self.tensors.pop(new.geometry, None)
        if old is not None and old.version == new.version:
            new = _merge(old, new)
        self.tensors[new.geometry] = new
        if len(self.tensors) > MOST_OF_A_STORAGE:
            del self.tensors[next(iter(self.tensors))]

    def find(self, geometry: Geometry, version: int) -> Origin | None:
        """The samples of a known tensor, or of a view of one; None if they are unknown."""
        exact = self.tensors.get(geometry)
        if exact is not None:
            return exact.origin if exact.version == version else None
        found = [
            origin
            for known in list(self.tensors.values())[-MOST_VIEWED:]
            if known.version == version and (origin := _origin_of_view(known, geometry)) is not None
        ]
        return found[0] if found and all(are_same_samples(found[0], origin) for origin in found) else None


class TrackedBatches:
    """The samples of all living tensors of tracked batches. Several threads use it: loaders prefetch."""

    def __init__(self) -> None:
        self._storages: dict[int, _KnownStorage] = {}
        self._lock = threading.Lock()
        self._sweep_at = 64
        self.given = 0
        """The number of batches that tracked loaders yielded."""
        self.doubt: str | None = None
        """Why the samples of some batch are not certain, for people; None if all are."""

    def __bool__(self) -> bool:
        """Whether any tensor was recorded."""
        return bool(self._storages)

    def __len__(self) -> int:
        """The number of living storages with known tensors."""
        self._sweep()
        return len(self._storages)

    def remember(self, tensor: Tensor, origin: Origin) -> None:
        """Records that `tensor`, and views of it, hold these samples."""
        position = _position(tensor)
        if position is None:
            return
        storage, geometry, version = position
        with self._lock:
            known = self._storages.get(storage._cdata)
            # A new storage may get the address of a deleted one, whose weak reference is then expired.
            if known is None or known.reference.expired():
                if len(self._storages) >= self._sweep_at:
                    self._sweep()
                known = self._storages[storage._cdata] = _KnownStorage(storage)
            known.put(_KnownTensor(geometry, version, origin))

    def find(self, tensor: object) -> Origin | None:
        """The samples of the rows of `tensor`; None if they are unknown."""
        if not self._storages or not isinstance(tensor, Tensor):
            return None
        position = _position(tensor)
        if position is None:
            return None
        storage, geometry, version = position
        known = self._storages.get(storage._cdata)
        return None if known is None or known.reference.expired() else known.find(geometry, version)

    def _sweep(self) -> None:
        """Removes deleted storages."""
        self._storages = {
            address: known for address, known in list(self._storages.items()) if not known.reference.expired()
        }
        self._sweep_at = max(64, 2 * len(self._storages))


batches = TrackedBatches()
"""The tracked batches of this process."""


def _position(tensor: Tensor) -> tuple[Any, Geometry, int] | None:
    """The storage of a tensor, its position in it, and its version; None if it has no memory of its own."""
    try:
        # The script's function modes must not see these calls.
        with torch._C.DisableTorchFunction():
            if tensor.is_meta or not tensor.numel():
                return None
            version = -1 if tensor.is_inference() else tensor._version
            geometry = Geometry(int(tensor.storage_offset()), tuple(tensor.shape), tensor.stride())
            return tensor.untyped_storage(), geometry, version
    except RuntimeError:
        # Sparse tensors and tensors of tracing have no storage.
        return None


def _merge(old: _KnownTensor, new: _KnownTensor) -> _KnownTensor:
    """The known tensor if samples are recorded again for a tensor with unchanged content."""
    if old.origin is not None and new.origin is not None:
        is_old_given, is_new_given = old.origin.batch.has_given_indices, new.origin.batch.has_given_indices
        if is_old_given != is_new_given:
            return old if is_old_given else new
        if not old.origin.batch.data.is_alive:
            return new
    return new if are_same_samples(old.origin, new.origin) else new._replace(origin=None)


def _origin_of_view(known: _KnownTensor, view: Geometry) -> Origin | None:
    """The samples of a view of a tensor; None if its rows are not rows of samples."""
    whole, origin = known.geometry, known.origin
    if origin is None or view.offset < whole.offset:
        return None
    if view.offset == whole.offset and view.dims == whole.dims:
        # The view has all elements, with other dimensions.
        return origin
    rows = rows_of(view, whole) if whole.shape and whole.shape[0] == origin.size else None
    return None if rows is None else origin.select(rows)


MOST_VIEWED = 64
"""The most tensors of one storage, the latest first, that are searched for the source of a view."""
MOST_OF_A_STORAGE = 4096
"""The most known tensors of one storage. A data set may have samples that are views of one tensor."""
