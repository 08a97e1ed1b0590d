"""A step in shared memory: numbers first, then the arrays of its samples.

The training thread writes it in a few microseconds: one call packs all numbers, and each array is one copy of
bytes. What is the same in many steps, such as names, is in the table of names, as a schema.

Shapes: B samples in a step's batch.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping, Sequence
from ctypes import memmove
from typing import TYPE_CHECKING, Any, NamedTuple

from absgd_worker.link.ring.names import INLINE
from absgd_worker.link.ring.step_row import FIXED, Flag

if TYPE_CHECKING:
    from torch import Tensor

    from absgd_worker.link.step_entry import StepEntry


class PackedStep(NamedTuple):
    """A step that is ready to be written by `write_step`."""

    size: int
    """Bytes of the payload."""
    schema: int
    """The number of its schema in the table of names."""
    head: struct.Struct
    fixed: tuple[int | float, ...]
    numbers: list[float]
    arrays: list[Tensor]
    lengths: list[int]
    """Bytes of each array."""
    rest: bytes
    """Behind the arrays."""


class StepPacker:
    """Collects what is to be written of a step.

    Args:
        add_name: adds a text to the table of names, and returns its number; None if the table is full.
    """

    def __init__(self, add_name: Callable[[bytes], int | None]) -> None:
        self._add_name = add_name
        self._schemas: dict[tuple[object, ...], tuple[int, bytes]] = {}
        # The step before, if its numbers are the controls and the statistics alone.
        self._controls: dict[str, float] | None = None
        self._name = ""
        self._known = (0, b"")
        self._values: list[float] = []

    def pack(self, entry: StepEntry, *, with_samples: bool = True) -> PackedStep:
        """Waits for a device, if the entry's tensors are on one.

        `with_samples`: False leaves the samples out, where there is no room for them any more.
        """
        attempt, step, seconds, waits, controls, statistics, losses_B, *_ = entry
        metrics, bare, name, others = entry.metrics, entry.bare, entry.name, entry.others
        if controls is self._controls and name == self._name and not metrics and not others:
            # Most steps: nobody changes the controls of a step, see `Controls.apply`.
            number, inline = self._known
        else:
            number, inline = self._find_schema(controls, metrics, name, others)
        numbers: list[Any] = self._values.copy()
        flags = MAIN if entry.has_main else 0
        if statistics is not None:
            flags |= STATISTICS
            numbers += statistics if isinstance(statistics, tuple) else statistics.tolist()
        if bare is not None:
            flags |= BARE
            numbers += _numbers(bare)
        for _, other in others:
            numbers += _numbers(other)
        if metrics:
            numbers += metrics.values()
        size = 0
        arrays: list[Tensor] = []
        lengths: list[int] = []
        ids = b""
        if with_samples and statistics is not None:
            size = losses_B.shape[0]
            flags |= _add_arrays(entry, size, arrays, lengths)
            if entry.ids is not None:
                ids = json.dumps(list(entry.ids)).encode("utf-8", "surrogatepass")
        count = len(numbers)
        head = _HEADS.get(count) or _new_head(count)
        rest = inline + ids
        fixed = (attempt, size, step, seconds, waits, flags, count, len(inline), len(ids))
        return PackedStep(
            head.size + sum(lengths) + len(rest), number, head, fixed, numbers, arrays, lengths, rest
        )

    def _find_schema(
        self,
        controls: dict[str, float],
        metrics: Mapping[str, object] | None,
        name: str,
        others: Sequence[tuple[str, object]],
    ) -> tuple[int, bytes]:
        schema = (
            tuple(controls),
            tuple(metrics) if metrics else (),
            name,
            tuple([other for other, _ in others]) if others else (),
        )
        known = self._schemas.get(schema) or self._new_schema(schema)
        self._controls = None if metrics or others else controls
        self._name, self._known, self._values = name, known, [*controls.values()]
        return known

    def _new_schema(self, schema: tuple[object, ...]) -> tuple[int, bytes]:
        text = json.dumps(schema).encode("utf-8", "surrogatepass")
        number = self._add_name(text)
        known = (INLINE, text) if number is None else (number, b"")
        if number is not None:
            self._schemas[schema] = known
        return known


def write_step(packed: PackedStep, view: memoryview, address: int, place: int) -> None:
    """Writes the payload at `place` of a memory, which is at `address`."""
    _, _, head, fixed, numbers, arrays, lengths, rest = packed
    head.pack_into(view, place, *fixed, *numbers)
    at = place + head.size
    for array, length in zip(arrays, lengths, strict=True):
        memmove(address + at, array.data_ptr(), length)
        at += length
    if rest:
        view[at : at + len(rest)] = rest


def _add_arrays(entry: StepEntry, size: int, arrays: list[Tensor], lengths: list[int]) -> int:
    """Adds the arrays of the samples, and returns the flags for them."""
    flags = KEEP_SAMPLES if entry.keep_samples else 0
    for tensor_B, wide in ((entry.losses_B, WIDE_LOSSES), (entry.weights_B, WIDE_WEIGHTS)):
        width = tensor_B.element_size()
        is_plain = width in (4, 8) and tensor_B.is_cpu and tensor_B.is_contiguous()
        plain_B = tensor_B if is_plain else _on_host(tensor_B)
        width = plain_B.element_size()
        if width == 8:
            flags |= wide
        arrays.append(plain_B)
        lengths.append(width * size)
    for integers_B, flag in ((entry.indices_B, INDICES), (entry.labels_B, LABELS)):
        if integers_B is not None:
            flags |= flag
            is_plain = integers_B.element_size() == 8 and integers_B.is_cpu and integers_B.is_contiguous()
            arrays.append(integers_B if is_plain else integers_B.detach().cpu().long().contiguous())
            lengths.append(8 * size)
    return flags


def _numbers(statistics: Any) -> Any:
    """Numbers as they are, or those of a tensor."""
    return statistics if isinstance(statistics, tuple) else statistics.tolist()


def _on_host(tensor_B: Tensor) -> Tensor:
    """The same numbers in float32 or float64, one after the other in the memory of this machine."""
    host_B = tensor_B.detach().cpu().contiguous()
    return host_B if host_B.element_size() in (4, 8) else host_B.float()


def _new_head(count: int) -> struct.Struct:
    made = _HEADS[count] = struct.Struct(f"{FIXED.format}{count}d")
    return made


_HEADS: dict[int, struct.Struct] = {}
"""The fixed numbers and as many float64 as the key says."""

# Numbers, because operations on flags take longer than all the rest.
STATISTICS, KEEP_SAMPLES, INDICES, LABELS = map(
    int, (Flag.STATISTICS, Flag.KEEP_SAMPLES, Flag.INDICES, Flag.LABELS)
)
BARE, WIDE_LOSSES, WIDE_WEIGHTS, MAIN = map(int, (Flag.BARE, Flag.WIDE_LOSSES, Flag.WIDE_WEIGHTS, Flag.MAIN))
