"""A step's report as one row of numbers on a device, and back.

A row has the numbers of a report first, then its arrays, all as float64, which is exact for every dtype but
large whole numbers. Shapes: T steps of one layout, W numbers of a row, B samples in a step's batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from absgd_worker.link.step_entry import StepEntry
from absgd_worker.weights import Statistics, read_statistics, statistics_of_row


class Array(NamedTuple):
    """Where one tensor of an entry is in a row."""

    field: str
    size: int
    dtype: torch.dtype


class Layout(NamedTuple):
    """What a row has, in its order."""

    has_statistics: bool
    has_bare: bool
    others: tuple[int, ...]
    """The positions in `StepEntry.others` of the statistics."""
    metrics: tuple[str, ...]
    arrays: tuple[Array, ...]

    @property
    def numbers(self) -> int:
        """How many numbers precede the arrays."""
        return FIELDS * (self.has_statistics + len(self.others)) + 2 * self.has_bare + len(self.metrics)

    @property
    def width(self) -> int:
        """W."""
        return self.numbers + sum(array.size for array in self.arrays)


def is_on_device(value: object) -> bool:
    """Whether to read `value` may wait for a device."""
    return isinstance(value, Tensor) and not value.is_cpu


def parts_of(entry: StepEntry) -> tuple[Layout, list[Tensor]]:
    """The tensors of an entry that are on a device, without copying them, in the order of a row."""
    metrics = {
        name: value
        for name, value in (entry.metrics or {}).items()
        if isinstance(value, Tensor) and is_on_device(value)
    }
    others = tuple(number for number, (_, row) in enumerate(entry.others) if is_on_device(row))
    arrays = {
        field: value for field in ARRAYS if is_on_device(value := getattr(entry, field)) and value.shape[0]
    }
    layout = Layout(
        is_on_device(entry.statistics),
        is_on_device(entry.bare),
        others,
        tuple(metrics),
        tuple(Array(field, value.shape[0], value.dtype) for field, value in arrays.items()),
    )
    parts: list[Any] = [
        *([entry.statistics] if layout.has_statistics else []),
        *([entry.bare] if layout.has_bare else []),
        *(entry.others[number][1] for number in others),
        *(value.reshape(1) for value in metrics.values()),
        *arrays.values(),
    ]
    return layout, [part.detach() for part in parts]


def without_device(entry: StepEntry) -> StepEntry:
    """The entry without its tensors on a device, so that their memory is free; `entries_of` puts copies back.

    A number or an array that is on no device is kept.
    """
    kept: dict[str, Any] = {
        field: None if field == "labels_B" else torch.empty(0, dtype=value.dtype)
        for field in ARRAYS
        if is_on_device(value := getattr(entry, field))
    }
    kept |= {field: None for field in ("statistics", "bare") if is_on_device(getattr(entry, field))}
    if any(is_on_device(row) for _, row in entry.others):
        kept["others"] = tuple((name, _NO_ROW if is_on_device(row) else row) for name, row in entry.others)
    if entry.metrics and any(map(is_on_device, entry.metrics.values())):
        kept["metrics"] = {n: 0.0 if is_on_device(value) else value for n, value in entry.metrics.items()}
    return entry._replace(**kept)


def entries_of(entries: Sequence[StepEntry], layout: Layout, rows_TW: Tensor) -> list[StepEntry]:
    """The entries with what their rows have. The rows, on the host, are copied and may be overwritten."""
    number_rows = rows_TW[:, : layout.numbers].tolist()
    start = layout.numbers
    columns: dict[str, tuple[Tensor, ...]] = {}
    for field, size, dtype in layout.arrays:
        columns[field] = rows_TW[:, start : start + size].to(dtype, copy=True).unbind(0)
        start += size
    found = []
    for step, (entry, row) in enumerate(zip(entries, number_rows, strict=True)):
        numbers = _numbers(entry, layout, row)
        for field, column in columns.items():
            numbers[field] = column[step]
        found.append(entry._replace(**numbers))
    return found


def _numbers(entry: StepEntry, layout: Layout, row: list[float]) -> dict[str, Any]:
    """The fields of an entry that are numbers."""
    left = iter(row)
    take: Callable[[int], list[float]] = lambda count: [next(left) for _ in range(count)]  # noqa: E731
    found: dict[str, Any] = {}
    if layout.has_statistics:
        found["statistics"] = statistics_of_row(take(FIELDS))
    if layout.has_bare:
        found["bare"] = tuple(take(2))
    if layout.others:
        others = list(entry.others)
        for number in layout.others:
            others[number] = others[number][0], statistics_of_row(take(FIELDS))
        found["others"] = tuple(others)
    if layout.metrics:
        found["metrics"] = {**(entry.metrics or {}), **{name: take(1)[0] for name in layout.metrics}}
    return found


def on_host(entry: StepEntry) -> StepEntry:
    """The entry with all of its numbers on the host. Waits for their device, if they are on one."""
    found: dict[str, Any] = {
        field: value.cpu() for field in ARRAYS if is_on_device(value := getattr(entry, field))
    }
    if entry.statistics is not None:
        found["statistics"] = read_statistics(entry.statistics)
    if isinstance(entry.bare, Tensor):
        found["bare"] = tuple(entry.bare.tolist())
    if entry.others:
        found["others"] = tuple((name, read_statistics(row)) for name, row in entry.others)
    if entry.metrics:
        found["metrics"] = {name: float(value) for name, value in entry.metrics.items()}
    return entry._replace(**found)


FIELDS = len(Statistics._fields)
ARRAYS = ("losses_B", "weights_B", "labels_B")
_NO_ROW = Statistics(*[0] * FIELDS)
