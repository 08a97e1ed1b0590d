"""A step in shared memory: numbers first, then the arrays of its samples.

The training thread writes it in a few microseconds: one call packs all numbers, and each array is one copy of
bytes. What is the same in many steps, such as names, is in the table of names, as a schema.

Shapes: B samples in a step's batch.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from ctypes import memmove
from typing import TYPE_CHECKING, Any, NamedTuple

from absgd_worker.link.ring.names import INLINE
from absgd_worker.link.ring.step_row import FIXED, Flag, Schema

if TYPE_CHECKING:
    from torch import Tensor

    from absgd_worker.link.step_entry import StepEntry


class PackedStep(NamedTuple):
    """A step that is ready to be written: `write` puts `size` bytes at a place of a memory."""

    size: int
    schema: int
    write: Callable[[memoryview, int, int], None]
    """Called with the memory, its address, and the place of the payload in it."""


class StepPacker:
    """Writes steps for the courier.

    Args:
        add_name: adds a text to the table of names, and returns its number; None if the table is full.
    """

    def __init__(self, add_name: Callable[[bytes], int | None]) -> None:
        self._add_name = add_name
        self._schemas: dict[Schema, tuple[int, bytes]] = {}

    def pack(self, entry: StepEntry, *, with_samples: bool = True) -> PackedStep:
        """Collects what is to be written. Waits for a device, if the entry's tensors are on one.

        `with_samples`: False leaves the samples out, where there is no room for them any more.
        """
        metrics = entry.metrics
        schema = Schema(
            tuple(entry.controls),
            tuple(metrics) if metrics else (),
            entry.name,
            tuple([name for name, _ in entry.others]) if entry.others else (),
        )
        known = self._schemas.get(schema) or self._new_schema(schema)
        numbers = [*entry.controls.values()]
        flags = Flag.MAIN if entry.has_main else 0
        if entry.statistics is not None:
            flags |= Flag.STATISTICS
            numbers += _numbers(entry.statistics)
        if entry.bare is not None:
            flags |= Flag.BARE
            numbers += _numbers(entry.bare)
        for _, statistics in entry.others:
            numbers += _numbers(statistics)
        if metrics:
            numbers += map(float, metrics.values())
        arrays: list[Tensor] = []
        ids = b""
        size = entry.losses_B.shape[0]
        if with_samples and entry.statistics is not None:
            losses_B, weights_B = _on_host(entry.losses_B), _on_host(entry.weights_B)
            arrays = [losses_B, weights_B]
            if entry.keep_samples:
                flags |= Flag.KEEP_SAMPLES
            if losses_B.element_size() == 8:
                flags |= Flag.WIDE_LOSSES
            if weights_B.element_size() == 8:
                flags |= Flag.WIDE_WEIGHTS
            if entry.indices_B is not None:
                flags |= Flag.INDICES
                arrays.append(_integers(entry.indices_B))
            if entry.labels_B is not None:
                flags |= Flag.LABELS
                arrays.append(_integers(entry.labels_B))
            if entry.ids is not None:
                ids = json.dumps(list(entry.ids)).encode("utf-8", "surrogatepass")
        elif with_samples:
            size = 0
        return _packed(entry, known, _Parts(flags, size if arrays else 0, numbers, arrays, ids))

    def _new_schema(self, schema: Schema) -> tuple[int, bytes]:
        text = json.dumps(schema).encode("utf-8", "surrogatepass")
        number = self._add_name(text)
        known = (INLINE, text) if number is None else (number, b"")
        if number is not None:
            self._schemas[schema] = known
        return known


class _Parts(NamedTuple):
    """What is written of a step beside its fixed numbers."""

    flags: int
    size: int
    numbers: list[float]
    arrays: list[Tensor]
    ids: bytes


def _packed(entry: StepEntry, known: tuple[int, bytes], parts: _Parts) -> PackedStep:
    number, inline = known
    flags, size, numbers, arrays, ids = parts
    count = len(numbers)
    head = _head_of(count)
    sources = [(array.data_ptr(), array.numel() * array.element_size()) for array in arrays]
    bytes_in_all = head.size + sum([length for _, length in sources]) + len(inline) + len(ids)

    def write(view: memoryview, address: int, place: int) -> None:
        head.pack_into(
            view,
            place,
            entry.attempt,
            size,
            entry.step,
            entry.seconds,
            entry.waits,
            flags,
            count,
            len(inline),
            len(ids),
            *numbers,
        )
        at = place + head.size
        for source, length in sources:
            memmove(address + at, source, length)
            at += length
        if inline or ids:
            view[at : at + len(inline) + len(ids)] = inline + ids
        # Keeps the arrays until they are written.
        arrays.clear()

    return PackedStep(bytes_in_all, number, write)


def _head_of(count: int) -> struct.Struct:
    made = _HEADS.get(count)
    if made is None:
        made = _HEADS[count] = struct.Struct(f"{FIXED.format}{count}d")
    return made


def _numbers(statistics: Any) -> Any:
    """Numbers as they are, or those of a tensor."""
    return statistics if isinstance(statistics, tuple) else statistics.tolist()


def _on_host(tensor_B: Tensor) -> Tensor:
    """The same numbers in float32 or float64, one after the other in the memory of this machine."""
    if tensor_B.element_size() == 4 and tensor_B.is_cpu and tensor_B.is_contiguous():
        return tensor_B
    host_B = tensor_B.detach().cpu().contiguous()
    return host_B if host_B.element_size() in (4, 8) else host_B.float()


def _integers(tensor_B: Tensor) -> Tensor:
    if tensor_B.element_size() == 8 and tensor_B.is_cpu and tensor_B.is_contiguous():
        return tensor_B
    return tensor_B.detach().cpu().long().contiguous()


_HEADS: dict[int, struct.Struct] = {}
