"""Which samples the tensors of a script hold: known of the tensors of tracked batches, by their memory.

Nothing here keeps a tensor of the script alive.
"""

from __future__ import annotations

import threading
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef

from absgd_worker.attach.samples.sample_origin import Origin, agree
from absgd_worker.attach.samples.tensor_geometry import Geometry, rows_of


class _Memory(NamedTuple):
    """A tensor, as it was when its samples were told."""

    where: Geometry
    version: int
    origin: Origin | None
    """None where different batches share the tensor: it tells of none."""


class _Storage:
    """The tensors that were told of one storage, the latest last."""

    def __init__(self, storage: Any) -> None:
        self.alive = StorageWeakRef(storage)
        self.tensors: dict[Geometry, _Memory] = {}

    def put(self, where: Geometry, made: _Memory) -> None:
        """Takes the place of what was known of a tensor of that geometry."""
        before = self.tensors.pop(where, None)
        if before is not None and before.version == made.version:
            made = _of_both(before, made)
        self.tensors[where] = made
        if len(self.tensors) > MOST_OF_A_STORAGE:
            del self.tensors[next(iter(self.tensors))]

    def find(self, where: Geometry, version: int) -> Origin | None:
        """Of a tensor, or of a view of one."""
        exact = self.tensors.get(where)
        if exact is not None:
            return exact.origin if exact.version == version else None
        found = [
            origin
            for memory in list(self.tensors.values())[-MOST_VIEWED:]
            if memory.version == version and (origin := _within(memory, where)) is not None
        ]
        return found[0] if found and all(agree(found[0], one) for one in found) else None


class Batches:
    """What is known of the tensors that are alive. Used from several threads: loaders are read ahead."""

    def __init__(self) -> None:
        self._of: dict[int, _Storage] = {}
        self._lock = threading.Lock()
        self._sweep_at = 64
        self.given = 0
        """Batches that tracked loaders gave."""
        self.doubt: str | None = None
        """Why the samples of one of them are not certain, for people; None where all were."""

    def __bool__(self) -> bool:
        return bool(self._of)

    def __len__(self) -> int:
        """Storages that something is known of."""
        self._sweep()
        return len(self._of)

    def remember(self, tensor: Tensor, origin: Origin) -> None:
        """From now on `tensor` and its views hold these samples."""
        place = _place(tensor)
        if place is None:
            return
        storage, where, version = place
        with self._lock:
            own = self._of.get(storage._cdata)
            # The address of a storage is used again only after the weak reference to it is gone.
            if own is None or own.alive.expired():
                if len(self._of) >= self._sweep_at:
                    self._sweep()
                own = self._of[storage._cdata] = _Storage(storage)
            own.put(where, _Memory(where, version, origin))

    def find(self, tensor: object) -> Origin | None:
        """The samples of each row of `tensor`, or of the whole of it; None where that is not known."""
        if not self._of or not isinstance(tensor, Tensor):
            return None
        place = _place(tensor)
        if place is None:
            return None
        storage, where, version = place
        own = self._of.get(storage._cdata)
        return None if own is None or own.alive.expired() else own.find(where, version)

    def _sweep(self) -> None:
        self._of = {address: one for address, one in list(self._of.items()) if not one.alive.expired()}
        self._sweep_at = max(64, 2 * len(self._of))


batches = Batches()
"""Of this process."""


def _place(tensor: Tensor) -> tuple[Any, Geometry, int] | None:
    """The storage of a tensor, where it lies in it, and its version."""
    try:
        # Modes of a script see none of these calls.
        with torch._C.DisableTorchFunction():
            if tensor.is_meta or not tensor.numel():
                return None
            version = -1 if tensor.is_inference() else tensor._version
            where = Geometry(int(tensor.storage_offset()), tuple(tensor.shape), tensor.stride())
            return tensor.untyped_storage(), where, version
    except (RuntimeError, NotImplementedError):
        # Sparse tensors, and those of tracing, have no memory of their own.
        return None


def _of_both(before: _Memory, made: _Memory) -> _Memory:
    """Of a tensor whose samples are told a second time, while its content is what it was."""
    if before.origin is not None and made.origin is not None:
        was, now = before.origin.batch.is_told, made.origin.batch.is_told
        if was != now:
            return before if was else made
        if not before.origin.batch.data.is_alive:
            return made
    return made if agree(before.origin, made.origin) else made._replace(origin=None)


def _within(memory: _Memory, view: Geometry) -> Origin | None:
    """The samples of a view of a tensor; None where its rows are not whole rows of samples."""
    whole, origin = memory.where, memory.origin
    if origin is None or view.offset < whole.offset:
        return None
    if view.offset == whole.offset and view.dims == whole.dims:
        # All elements, with other dimensions.
        return origin
    rows = rows_of(view, whole) if whole.shape and whole.shape[0] == origin.size else None
    return None if rows is None else origin.at(rows)


MOST_VIEWED = 64
"""Tensors of one storage that are searched for the one that a view is of: those that were told last."""
MOST_OF_A_STORAGE = 4096
"""Tensors that are known of one storage, as of a data set whose samples are views of one tensor."""
