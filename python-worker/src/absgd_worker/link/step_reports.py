"""What a step leaves behind, and how many of them become the columns of a report.

The training thread makes a `StepEntry` of what it has at hand, tensors on a device included. The background
thread turns runs of entries into messages; where tensors are on a device it waits for copies of them, the
training thread never does.

Shapes: T steps in a report, B samples in a step's batch, C classes.
"""

from __future__ import annotations

import ctypes
import math
from array import array
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import accumulate, islice
from typing import Any, NamedTuple

import torch
from torch import Tensor

from absgd_worker.link.records import SampleBatch, StepBatch, StepSamples, Weighing
from absgd_worker.weights import Statistics


class StepEntry(NamedTuple):
    """One step, as the training thread hands it over."""

    attempt: int
    step: int
    seconds: float
    """Without waiting for a row."""
    waits: int
    controls: dict[str, float]
    """As they were applied."""
    statistics: Statistics | Tensor | None
    """On a device float64 [10], in the order of the fields; None where no sample was left to weigh."""
    losses_B: Tensor
    """Detached, before weighting."""
    weights_B: Tensor
    indices_B: Tensor | None
    """int64, on the CPU; None where nobody knows which samples these are."""
    keep_samples: bool
    metrics: dict[str, float | Tensor] | None
    """The user's own numbers."""
    bare: tuple[float, float] | Tensor | None = None
    """KL and effective sample size of the weights before a class factor; on a device float64 [2]."""
    name: str = "loss"
    """Of the weighing that samples and `statistics` are of: the run's main one, where the step has it."""
    others: tuple[tuple[str, Statistics | Tensor], ...] = ()
    """Further weighings of the step, by name."""
    labels_B: Tensor | None = None
    """Integers, as the loop itself tells them, below 0 for none; None where nobody does."""
    ids: Sequence[str] | None = None
    """The user's own names of the samples, where the loop tells them."""
    has_main: bool = True
    """Whether `name` is the run's main weighing."""


def runs_of(entries: Iterable[StepEntry]) -> Iterator[list[StepEntry]]:
    """Cuts entries into runs that fit one report: consecutive steps with the same controls and weighings."""
    run: list[StepEntry] = []
    for entry in entries:
        if run and not _continues(run, entry):
            yield run
            run = []
        run.append(entry)
    if run:
        yield run


def step_batch(run: Sequence[StepEntry], *, labels_N: Tensor | None, num_classes: int) -> StepBatch:
    """The scalars of a run of steps, and the weight mass per class where there are labels."""
    first, last = run[0], run[-1]
    return StepBatch(
        attempt=first.attempt,
        first_step=first.step,
        count=len(run),
        controls={name: doubles(entry.controls[name] for entry in run) for name in first.controls},
        weighings=_weighings(run, labels_N, num_classes),
        metrics=_metrics(run),
        step_seconds=array("f", [entry.seconds for entry in run]).tobytes(),
        waits=last.waits,
        without_main=not first.has_main,
    )


def sample_batches(run: Sequence[StepEntry]) -> Iterator[SampleBatch]:
    """The samples of those steps of a run that keep them, in messages of about `SAMPLE_BYTES`."""
    kept = iter([entry for entry in run if entry.keep_samples])
    while chunk := list(_up_to_bytes(kept)):
        losses = _bytes_of_each([entry.losses_B for entry in chunk], torch.float32)
        weights = _bytes_of_each([entry.weights_B for entry in chunk], torch.float32)
        # uint32: the bits of the low half are the same.
        indices = _bytes_of_each([_or_none(entry.indices_B) for entry in chunk], torch.int32)
        labels = _bytes_of_each([_labels_alone(entry) for entry in chunk], torch.int32)
        yield SampleBatch(
            chunk[0].attempt,
            [
                StepSamples(entry.step, entry.losses_B.shape[0], *arrays, weighing=_unless_usual(entry.name))
                for entry, *arrays in zip(chunk, losses, weights, indices, labels, strict=True)
            ],
        )


def doubles(values: Iterable[float]) -> bytes:
    """float64, little-endian."""
    return array("d", values).tobytes()


def tensor_bytes(tensor: Tensor) -> bytes:
    """The numbers of a tensor in memory order, little-endian; waits for the device if there is one."""
    flat = tensor if tensor.is_cpu and tensor.is_contiguous() else tensor.detach().cpu().contiguous()
    return ctypes.string_at(flat.data_ptr(), flat.numel() * flat.element_size()) if flat.numel() else b""


def _unless_usual(name: str) -> str:
    return "" if name == "loss" else name


def _or_none(indices_B: Tensor | None) -> Tensor:
    return _NO_INDICES if indices_B is None else indices_B


def _labels_alone(entry: StepEntry) -> Tensor:
    """Where there are indices, labels are told once a sample; one that has none silences its batch."""
    if entry.labels_B is None or entry.indices_B is not None or bool((entry.labels_B < 0).any()):
        return _NO_INDICES
    return _on_host(entry.labels_B)


def _weighings(run: Sequence[StepEntry], labels_N: Tensor | None, num_classes: int) -> list[Weighing]:
    first = run[0]
    if first.statistics is None:
        return []
    rows = [entry.statistics for entry in run]
    columns = _statistics(rows, first.losses_B.device) | _class_mass(run, labels_N, num_classes) | _bare(run)
    others = [
        Weighing(name, _statistics([entry.others[number][1] for entry in run], first.losses_B.device))
        for number, (name, _) in enumerate(first.others)
    ]
    return [Weighing(first.name, columns), *others]


def _continues(run: Sequence[StepEntry], entry: StepEntry) -> bool:
    last = run[-1]
    return (
        entry.step == last.step + 1
        and entry.attempt == last.attempt
        and entry.controls.keys() == last.controls.keys()
        and entry.name == last.name
        and entry.has_main == last.has_main
        and (entry.statistics is None) == (last.statistics is None)
        and [name for name, _ in entry.others] == [name for name, _ in last.others]
        and (entry.indices_B is None) == (last.indices_B is None)
        and (entry.labels_B is None) == (last.labels_B is None)
        and len(run) < MAX_STEPS
    )


def _statistics(rows: Sequence[Any], device: torch.device) -> dict[str, bytes]:
    if any(isinstance(row, Tensor) for row in rows):
        stacked = torch.stack([torch.as_tensor(row, dtype=torch.float64, device=device) for row in rows])
        rows = stacked.tolist()
    columns = dict(zip(Statistics._fields, zip(*rows, strict=True), strict=True))
    return {
        name: array(_TYPES.get(name, "d"), map(_CASTS.get(name, float), columns[name])).tobytes()
        for name in columns
    }


def _bare(run: Sequence[StepEntry]) -> dict[str, bytes]:
    """What a class factor was applied to; NaN in steps without one."""
    if all(entry.bare is None for entry in run):
        return {}
    rows: Any = [(math.nan, math.nan) if entry.bare is None else entry.bare for entry in run]
    if any(isinstance(row, Tensor) for row in rows):
        device = run[0].losses_B.device
        rows = torch.stack(
            [torch.as_tensor(row, dtype=torch.float64, device=device) for row in rows]
        ).tolist()
    return {"bare_kl": doubles(kl for kl, _ in rows), "bare_ess": doubles(ess for _, ess in rows)}


def _class_mass(run: Sequence[StepEntry], labels_N: Tensor | None, num_classes: int) -> dict[str, bytes]:
    drawn = [entry.indices_B for entry in run if entry.indices_B is not None]
    told = [entry.labels_B for entry in run if entry.labels_B is not None]
    if labels_N is not None and len(drawn) == len(run):
        labels = labels_N.index_select(0, torch.cat(drawn))
    elif len(told) == len(run):
        labels = _on_host(torch.cat(told)).to(torch.int64, copy=True)
        # Nobody knows how many classes there are: as many as these need.
        num_classes = 0 if int(labels.min()) < 0 else int(labels.max()) + 1
    else:
        return {}
    if not 0 < num_classes <= MAX_CLASSES:
        return {}
    weights = torch.cat([entry.weights_B for entry in run])
    bins = labels.add_(_first_bins(tuple([entry.losses_B.shape[0] for entry in run]), num_classes))
    bin_count = len(run) * num_classes
    mass_TC = torch.bincount(bins, weights=_on_host(weights), minlength=bin_count)
    counts_TC = torch.bincount(bins, minlength=bin_count).view(-1, num_classes)
    top_T1 = mass_TC.view(-1, num_classes).argmax(1, keepdim=True)
    share_T = counts_TC.gather(1, top_T1).squeeze(1) / counts_TC.sum(1)
    return {
        "class_mass": tensor_bytes(mass_TC if mass_TC.dtype == torch.float32 else mass_TC.float()),
        "top_class_share": tensor_bytes(share_T.float()),
    }


@lru_cache(maxsize=4)
def _first_bins(sizes: tuple[int, ...], num_classes: int) -> Tensor:
    """Of every sample the bin of class 0 in its step; at a steady pace runs are alike."""
    return torch.repeat_interleave(torch.arange(len(sizes)) * num_classes, torch.tensor(sizes))


def _metrics(run: Sequence[StepEntry]) -> dict[str, bytes]:
    names = {name: None for entry in run if entry.metrics for name in entry.metrics}
    return {name: b"".join(_number(entry.metrics, name) for entry in run) for name in names}


def _number(metrics: dict[str, float | Tensor] | None, name: str) -> bytes:
    """NaN where a step has no such number; a number that is NaN has bits of its own."""
    if metrics is None or name not in metrics:
        return _MISSING
    number = float(metrics[name])
    return NOT_A_NUMBER if math.isnan(number) else doubles([number])


def _bytes_of_each(parts: list[Tensor], dtype: torch.dtype) -> list[bytes]:
    """The numbers of every tensor, as `dtype` of four bytes.

    An operation of torch lets go of the interpreter and takes it back, which holds the training thread up
    more than the bytes cost: what is on the host as it should be is read without any.
    """
    if all(part.is_cpu and part.dtype == dtype for part in parts):
        return [tensor_bytes(part) for part in parts]
    joined = tensor_bytes(torch.cat(parts).to(dtype))
    ends = list(accumulate(4 * part.shape[0] for part in parts))
    return [joined[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def _on_host(tensor: Tensor) -> Tensor:
    return tensor if tensor.is_cpu else tensor.cpu()


def _up_to_bytes(entries: Iterator[StepEntry]) -> Iterator[StepEntry]:
    size = 0
    for entry in islice(entries, MAX_STEPS):
        yield entry
        size += 12 * entry.losses_B.shape[0]
        if size >= SAMPLE_BYTES:
            return


_NO_INDICES = torch.empty(0, dtype=torch.int64)
_MISSING = doubles([math.nan])
NOT_A_NUMBER = (0x7FF8_0000_0000_0001).to_bytes(8, "little")
"""A metric of a step that is NaN. Readers that do not know it take it for NaN, as for none."""
_TYPES = {"n": "I", "capped": "b", "non_finite": "I"}
_CASTS = {"n": int, "capped": int, "non_finite": int}

MAX_STEPS = 256
"""Steps in one report: what a fast worker trains in a tenth of a second is a few hundred."""

SAMPLE_BYTES = 1 << 20
"""Samples are sent in messages of about this size: far below the 64 MiB of a frame."""

MAX_CLASSES = 1000
"""Above this the weight mass per class is not reported."""
