"""How the reports of many steps become the columns of a message.

Shapes: T steps in a report, B samples in a step's batch, C classes.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

from absgd_worker.link.ring.step_row import StepRow
from absgd_worker.link.step_entry import MAX_CLASSES
from absgd_worker.link.wire.records import SampleBatch, StepBatch, StepSamples, Weighing
from absgd_worker.weights.statistics import Statistics


def runs_of(rows: Iterable[StepRow]) -> Iterator[list[StepRow]]:
    """Splits steps into runs for one report: consecutive steps with the same controls and losses."""
    run: list[StepRow] = []
    for row in rows:
        if run and not _continues(run, row):
            yield run
            run = []
        run.append(row)
    if run:
        yield run


def step_batch(run: Sequence[StepRow], *, labels_N: memoryview | None, num_classes: int) -> StepBatch:
    """The scalars of a run of steps; with labels also the weight mass per class."""
    first, last = run[0], run[-1]
    return StepBatch(
        attempt=first.attempt,
        first_step=first.step,
        count=len(run),
        controls={
            name: doubles(row.controls[index] for row in run)
            for index, name in enumerate(first.schema.controls)
        },
        weighings=_weighings(run, labels_N, num_classes),
        metrics=_metrics(run),
        step_seconds=array("f", [row.seconds for row in run]).tobytes(),
        waits=last.waits,
        without_main=not first.has_main,
    )


def sample_batches(run: Sequence[StepRow]) -> Iterator[tuple[int, SampleBatch]]:
    """The samples of the steps with `keep_samples`, in messages of about `SAMPLE_BYTES`.

    Each with the number of its last step's record.
    """
    chunk: list[StepSamples] = []
    size = 0
    last = 0
    for row in run:
        if not row.keep_samples:
            continue
        chunk.append(
            StepSamples(
                row.step,
                row.size,
                _floats(row.losses),
                _floats(row.weights),
                _low_halves(row.indices),
                _labels_alone(row),
                weighing="" if row.schema.name == "loss" else row.schema.name,
            )
        )
        size += 12 * row.size
        last = row.number
        if size >= SAMPLE_BYTES:
            yield last, SampleBatch(run[0].attempt, chunk)
            chunk, size = [], 0
    if chunk:
        yield last, SampleBatch(run[0].attempt, chunk)


def doubles(values: Iterable[float]) -> bytes:
    """float64, little-endian."""
    return array("d", values).tobytes()


def _floats(numbers: memoryview) -> bytes:
    """float32; numbers that are too large for it become infinite."""
    return numbers.tobytes() if numbers.format == "f" else array("f", numbers).tobytes()


def _low_halves(integers: memoryview | None) -> bytes:
    """The low halves of int64, which is what they are as uint32."""
    return b"" if integers is None else integers.cast("B").cast("I")[::2].tobytes()


def _labels_alone(row: StepRow) -> bytes:
    """The labels of a batch without indices, if all have one. With indices, `NewSamples` records them."""
    if row.labels is None or row.indices is not None or min(row.labels, default=-1) < 0:
        return b""
    return _low_halves(row.labels)


def _weighings(run: Sequence[StepRow], labels_N: memoryview | None, num_classes: int) -> list[Weighing]:
    first = run[0]
    if first.statistics is None:
        return []
    statistics = [row.statistics for row in run if row.statistics is not None]
    columns = _statistics(statistics) | _class_mass(run, labels_N, num_classes) | _bare(run)
    others = [
        Weighing(name, _statistics([row.others[number] for row in run]))
        for number, name in enumerate(first.schema.others)
    ]
    return [Weighing(first.schema.name, columns), *others]


def _continues(run: Sequence[StepRow], row: StepRow) -> bool:
    last = run[-1]
    return (
        row.step == last.step + 1
        and row.attempt == last.attempt
        and row.schema._replace(metrics=()) == last.schema._replace(metrics=())
        and row.has_main == last.has_main
        and (row.statistics is None) == (last.statistics is None)
        and (row.indices is None) == (last.indices is None)
        and (row.labels is None) == (last.labels is None)
        and len(run) < MAX_STEPS
    )


def _statistics(rows: Sequence[tuple[float, ...]]) -> dict[str, bytes]:
    columns = zip(Statistics._fields, zip(*rows, strict=True), strict=True)
    return {
        name: array(_TYPES.get(name, "d"), map(_CASTS.get(name, float), column)).tobytes()
        for name, column in columns
    }


def _bare(run: Sequence[StepRow]) -> dict[str, bytes]:
    """KL and effective sample size before the class factor; NaN in steps without one."""
    if all(row.bare is None for row in run):
        return {}
    rows = [(math.nan, math.nan) if row.bare is None else row.bare for row in run]
    return {"bare_kl": doubles(kl for kl, _ in rows), "bare_ess": doubles(ess for _, ess in rows)}


def _class_mass(run: Sequence[StepRow], labels_N: memoryview | None, num_classes: int) -> dict[str, bytes]:
    batches = _labels_of(run, labels_N)
    if batches is None:
        return {}
    if labels_N is None or any(row.indices is None for row in run):
        # The number of classes is unknown: use the largest label of these steps.
        every = list(chain.from_iterable(batches))
        num_classes = 0 if not every or min(every) < 0 else max(every) + 1
    if not 0 < num_classes <= MAX_CLASSES:
        return {}
    mass_TC, share_T = array("f"), array("f")
    for row, labels in zip(run, batches, strict=True):
        mass_C, count_C = [0.0] * num_classes, [0] * num_classes
        for label, weight in zip(labels, row.weights, strict=True):
            mass_C[label] += weight
            count_C[label] += 1
        mass_TC.extend(mass_C)
        top = mass_C.index(max(mass_C)) if all(map(math.isfinite, mass_C)) else 0
        share_T.append(count_C[top] / row.size)
    return {"class_mass": mass_TC.tobytes(), "top_class_share": share_T.tobytes()}


def _labels_of(run: Sequence[StepRow], labels_N: memoryview | None) -> list[Sequence[int]] | None:
    """The labels of each step's samples; None if they are not all known."""
    if any(not row.size for row in run):
        return None
    if labels_N is not None and all(row.indices is not None for row in run):
        label_of = labels_N.__getitem__
        return [list(map(label_of, row.indices or ())) for row in run]
    given = [row.labels for row in run if row.labels is not None]
    return [list(labels) for labels in given] if len(given) == len(run) else None


def _metrics(run: Sequence[StepRow]) -> Mapping[str, bytes]:
    names = {name: None for row in run for name in row.schema.metrics}
    if not names:
        return {}
    rows = [dict(zip(row.schema.metrics, row.metrics, strict=True)) for row in run]
    return {name: b"".join([_number(row.get(name)) for row in rows]) for name in names}


def _number(number: float | None) -> bytes:
    """The bytes of a number. A step without it has a NaN with other bits than a number that is NaN."""
    if number is None:
        return _MISSING
    return NOT_A_NUMBER if math.isnan(number) else doubles([number])


_MISSING = doubles([math.nan])
NOT_A_NUMBER = (0x7FF8_0000_0000_0001).to_bytes(8, "little")
"""The bits of a metric that is NaN. Older readers treat it like the NaN of a missing metric."""
_TYPES = {"n": "I", "capped": "b", "non_finite": "I"}
_CASTS = {"n": int, "capped": int, "non_finite": int}

MAX_STEPS = 256
"""Steps in one report: a fast worker trains a few hundred in a tenth of a second."""

SAMPLE_BYTES = 1 << 20
"""Samples are sent in messages of about this size, far below the 64 MiB of a frame."""
