"""Which samples the tensors of a script hold: known of the tensors of tracked batches, by their memory.

Nothing here keeps a tensor of the script alive. Shapes: B samples of a batch.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef


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
        return self._id == other._id and self._alive() is not None and other._alive() is not None


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


class _Geometry(NamedTuple):
    """Where a tensor lies in its storage, in elements."""

    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def dims(self) -> list[tuple[int, int]]:
        """Sizes and strides of the dimensions, in no order; those of size 1 left out."""
        return sorted(pair for pair in zip(self.shape, self.strides, strict=True) if pair[0] > 1)

    @property
    def is_contiguous(self) -> bool:
        """Whether the elements follow each other."""
        expected = 1
        for size, stride in zip(reversed(self.shape), reversed(self.strides), strict=True):
            if size > 1 and stride != expected:
                return False
            expected *= size
        return True


class _Memory(NamedTuple):
    """A tensor, as it was when its samples were told."""

    where: _Geometry
    version: int
    origin: Origin | None
    """None where different batches share the tensor: it tells of none."""


class _Storage:
    """The tensors that were told of one storage, the latest last."""

    def __init__(self, storage: Any) -> None:
        self.alive = StorageWeakRef(storage)
        self.tensors: dict[_Geometry, _Memory] = {}

    def put(self, where: _Geometry, made: _Memory) -> None:
        """Takes the place of what was known of a tensor of that geometry."""
        before = self.tensors.pop(where, None)
        if before is not None and before.version == made.version:
            made = _of_both(before, made)
        self.tensors[where] = made
        if len(self.tensors) > MOST_OF_A_STORAGE:
            del self.tensors[next(iter(self.tensors))]

    def find(self, where: _Geometry, version: int) -> Origin | None:
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


def _place(tensor: Tensor) -> tuple[Any, _Geometry, int] | None:
    """The storage of a tensor, where it lies in it, and its version."""
    try:
        # Modes of a script see none of these calls.
        with torch._C.DisableTorchFunction():
            if tensor.is_meta or not tensor.numel():
                return None
            version = -1 if tensor.is_inference() else tensor._version
            where = _Geometry(int(tensor.storage_offset()), tuple(tensor.shape), tensor.stride())
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
    return made if agree(before.origin, made.origin) else made._replace(origin=None)


def agree(one: Origin | None, other: Origin | None) -> bool:
    """Whether both say the same samples in the same order."""
    if one is None or other is None:
        return False
    if one.batch is other.batch:
        return one.rows == other.rows
    return one.batch.data.is_same(other.batch.data) and torch.equal(one.indices, other.indices)


def _within(memory: _Memory, view: _Geometry) -> Origin | None:
    """The samples of a view of a tensor; None where its rows are not whole rows of samples."""
    whole, origin = memory.where, memory.origin
    if origin is None or view.offset < whole.offset:
        return None
    if view.offset == whole.offset and view.dims == whole.dims:
        # All elements, with other dimensions.
        return origin
    rows = _rows_of(view, whole) if whole.shape and whole.shape[0] == origin.size else None
    return None if rows is None else origin.at(rows)


def _rows_of(view: _Geometry, whole: _Geometry) -> range | None:
    """The rows of `whole` in the order of those of `view`; None where these are no parts of them."""
    step = _row_step(whole)
    extent = sum((size - 1) * stride for size, stride in zip(view.shape, view.strides, strict=True))
    start = view.offset - whole.offset
    if step is None or start + extent >= whole.shape[0] * step:
        return None
    first, column = divmod(start, step)
    rows, stride = (view.shape[0], view.strides[0]) if view.shape else (1, 0)
    # Each row of the view is a part of one row of the tensor.
    if column + extent - (rows - 1) * stride < step and (rows == 1 or (stride and stride % step == 0)):
        by = max(stride // step, 1)
        return range(first, first + by * rows, by)
    # Rows that were put together or taken apart: [B, T] as [B·T].
    if view.is_contiguous and whole.is_contiguous and column == 0 and (extent + 1) % step == 0:
        return range(first, first + (extent + 1) // step)
    return None


def _row_step(whole: _Geometry) -> int | None:
    """Elements from one row of samples to the next; None where rows lie in each other."""
    inner = sum((size - 1) * stride for size, stride in zip(whole.shape[1:], whole.strides[1:], strict=True))
    step = whole.strides[0] if whole.shape and whole.shape[0] > 1 else inner + 1
    return step if step > inner else None


MOST_VIEWED = 64
"""Tensors of one storage that are searched for the one that a view is of: those that were told last."""
MOST_OF_A_STORAGE = 4096
"""Tensors that are known of one storage, as of a data set whose samples are views of one tensor."""
