"""A step as the courier reads it from shared memory. `step_record.py` writes it.

Shapes: B samples in a step's batch.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from enum import IntFlag
from typing import Any, NamedTuple


class Flag(IntFlag):
    """What a step's record has."""

    STATISTICS = 1
    KEEP_SAMPLES = 2
    INDICES = 4
    LABELS = 8
    BARE = 16
    WIDE_LOSSES = 32
    """float64, like the next one; float32 otherwise."""
    WIDE_WEIGHTS = 64
    MAIN = 128
    """`has_main` of the entry."""


class Schema(NamedTuple):
    """The names of a step's numbers."""

    controls: tuple[str, ...]
    metrics: tuple[str, ...]
    name: str
    others: tuple[str, ...]


class StepRow(NamedTuple):
    """A step as the courier reads it. Arrays lie in the shared memory until their place is given back."""

    number: int
    attempt: int
    step: int
    seconds: float
    waits: int
    flags: int
    schema: Schema
    controls: tuple[float, ...]
    statistics: tuple[float, ...] | None
    bare: tuple[float, float] | None
    others: tuple[tuple[float, ...], ...]
    metrics: tuple[float, ...]
    size: int
    """B."""
    losses: memoryview
    weights: memoryview
    indices: memoryview | None
    """int64."""
    labels: memoryview | None
    """int64, below 0 for none."""
    ids: list[str] | None

    @property
    def keep_samples(self) -> bool:
        return bool(self.flags & Flag.KEEP_SAMPLES)

    @property
    def has_main(self) -> bool:
        return bool(self.flags & Flag.MAIN)


def read_step(
    number: int, payload: memoryview, schema: int, schema_of: Callable[[int], Schema | None]
) -> StepRow | None:
    """The step of a record; None while its schema is not readable."""
    attempt, size, step, seconds, waits, flags, count, inline, id_bytes = FIXED.unpack_from(payload)
    end = FIXED.size + 8 * count
    numbers = struct.unpack_from(f"<{count}d", payload, FIXED.size)
    arrays: list[Any] = []
    if size or flags & Flag.STATISTICS:
        wide = (flags & Flag.WIDE_LOSSES, flags & Flag.WIDE_WEIGHTS)
        formats: list[Any] = ["d" if one else "f" for one in wide]
        formats += ["q" if flags & flag else "" for flag in (Flag.INDICES, Flag.LABELS)]
        for code in formats:
            length = size * {"d": 8, "f": 4, "q": 8, "": 0}[code]
            arrays.append(payload[end : end + length].cast(code) if code else None)
            end += length
    else:
        arrays = [payload[:0], payload[:0], None, None]
    names = schema_from(bytes(payload[end : end + inline])) if inline else schema_of(schema)
    if names is None:
        return None
    ids = bytes(payload[end + inline : end + inline + id_bytes])
    take = iter(numbers).__next__
    controls = tuple([take() for _ in names.controls])
    statistics = tuple([take() for _ in range(10)]) if flags & Flag.STATISTICS else None
    bare = (take(), take()) if flags & Flag.BARE else None
    others = tuple([tuple([take() for _ in range(10)]) for _ in names.others])
    metrics = tuple([take() for _ in names.metrics])
    losses, weights, indices, labels = arrays
    assert losses is not None
    assert weights is not None
    return StepRow(
        number,
        attempt,
        step,
        seconds,
        waits,
        flags,
        names,
        controls,
        statistics,
        bare,
        others,
        metrics,
        size,
        losses,
        weights,
        indices,
        labels,
        json.loads(ids.decode("utf-8", "surrogatepass")) if ids else None,
    )


def schema_from(text: bytes) -> Schema:
    """The schema of a text in the table of names."""
    controls, metrics, name, others = json.loads(text.decode("utf-8", "surrogatepass"))
    return Schema(tuple(controls), tuple(metrics), name, tuple(others))


FIXED = struct.Struct("<IIQdQIIII")
"""B comes after the attempt; then step, seconds, waits, flags, how many numbers follow, and the bytes of the
schema and of the names of the samples behind the arrays."""
