"""The report of a step, and how the reports of many steps become the columns of a message.

The training thread makes a `StepEntry` of each step; its tensors may be on a device. The background thread
turns runs of entries into messages. It may wait for the device; the training thread never does.

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

from absgd_worker.link.wire.records import SampleBatch, StepBatch, StepSamples, Weighing
from absgd_worker.weights import Statistics


class StepEntry(NamedTuple):
    """The report of one step."""

    attempt: int
    step: int
    seconds: float
    """Duration of the step, without the wait for its row."""
    waits: int
    """How often training has waited for a row, since its start."""
    controls: dict[str, float]
    """The values that were applied."""
    statistics: Statistics | Tensor | None
    """On a device float64 [10], in the order of the fields; None for a batch without samples."""
    losses_B: Tensor
    """Detached, before weighting."""
    weights_B: Tensor
    indices_B: Tensor | None
    """int64, on the CPU; None if it is not known which samples these are."""
    keep_samples: bool
    """Whether losses, weights and indices are recorded."""
    metrics: dict[str, float | Tensor] | None
    """Numbers that the user logged in this step."""
    bare: tuple[float, float] | Tensor | None = None
    """KL and effective sample size of the weights before a class factor; on a device float64 [2]."""
    name: str = "loss"
    """The name of the loss of `statistics` and of the samples: the main one, if the step has it."""
    others: tuple[tuple[str, Statistics | Tensor], ...] = ()
    """Names and statistics of further weighed losses of the step."""
    labels_B: Tensor | None = None
    """Integers that the script gives, below 0 for none; None if it gives none."""
    ids: Sequence[str] | None = None
    """Names of the samples, if the script gives them."""
    has_main: bool = True
    """Whether `name` is the main loss of the run."""


def runs_of(entries: Iterable[StepEntry]) -> Iterator[list[StepEntry]]:
    """Splits entries into runs for one report: consecutive steps with the same controls and losses."""
    run: list[StepEntry] = []
    for entry in entries:
        if run and not _continues(run, entry):
            yield run
            run = []
        run.append(entry)
    if run:
        yield run


def step_batch(run: Sequence[StepEntry], *, labels_N: Tensor | None, num_classes: int) -> StepBatch:
    """The scalars of a run of steps; with labels also the weight mass per class."""
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
    """The samples of the steps with `keep_samples`, in messages of about `SAMPLE_BYTES`."""
    kept = iter([entry for entry in run if entry.keep_samples])
    while chunk := list(_up_to_bytes(kept)):
        losses = _bytes_of_each([entry.losses_B for entry in chunk], torch.float32)
        weights = _bytes_of_each([entry.weights_B for entry in chunk], torch.float32)
        # The message has uint32, which has the same bits as the low half of int64.
        indices = _bytes_of_each([_or_none(entry.indices_B) for entry in chunk], torch.int32)
        labels = _bytes_of_each([_labels_alone(entry) for entry in chunk], torch.int32)
        yield SampleBatch(
            chunk[0].attempt,
            [
                StepSamples(
                    entry.step, entry.losses_B.shape[0], *arrays, weighing=_empty_if_usual(entry.name)
                )
                for entry, *arrays in zip(chunk, losses, weights, indices, labels, strict=True)
            ],
        )


def doubles(values: Iterable[float]) -> bytes:
    """float64, little-endian."""
    return array("d", values).tobytes()


def tensor_bytes(tensor: Tensor) -> bytes:
    """The numbers of a tensor in memory order, little-endian; waits for its device."""
    flat = tensor if tensor.is_cpu and tensor.is_contiguous() else tensor.detach().cpu().contiguous()
    return ctypes.string_at(flat.data_ptr(), flat.numel() * flat.element_size()) if flat.numel() else b""


def _empty_if_usual(name: str) -> str:
    return "" if name == "loss" else name


def _or_none(indices_B: Tensor | None) -> Tensor:
    return _NO_INDICES if indices_B is None else indices_B


def _labels_alone(entry: StepEntry) -> Tensor:
    """The labels of a batch without indices, if all have one. With indices, `NewSamples` records them."""
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
    """KL and effective sample size before the class factor; NaN in steps without one."""
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
    given = [entry.labels_B for entry in run if entry.labels_B is not None]
    if labels_N is not None and len(drawn) == len(run):
        labels = labels_N.index_select(0, torch.cat(drawn))
    elif len(given) == len(run):
        labels = _on_host(torch.cat(given)).to(torch.int64, copy=True)
        # The number of classes is unknown: use the largest label of these steps.
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
    """For each sample the bin of class 0 of its step. Cached, since most runs of steps have equal sizes."""
    return torch.repeat_interleave(torch.arange(len(sizes)) * num_classes, torch.tensor(sizes))


def _metrics(run: Sequence[StepEntry]) -> dict[str, bytes]:
    names = {name: None for entry in run if entry.metrics for name in entry.metrics}
    return {name: b"".join(_number(entry.metrics, name) for entry in run) for name in names}


def _number(metrics: dict[str, float | Tensor] | None, name: str) -> bytes:
    """The bytes of a number. A step without it has a NaN with other bits than a number that is NaN."""
    if metrics is None or name not in metrics:
        return _MISSING
    number = float(metrics[name])
    return NOT_A_NUMBER if math.isnan(number) else doubles([number])


def _bytes_of_each(parts: list[Tensor], dtype: torch.dtype) -> list[bytes]:
    """The numbers of each tensor, as `dtype` of four bytes.

    Tensors on the CPU with this dtype are read without an operation of torch: each one releases and acquires
    the interpreter's lock, which delays the training thread more than the copy does.
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
"""The bits of a metric that is NaN. Older readers treat it like the NaN of a missing metric."""
_TYPES = {"n": "I", "capped": "b", "non_finite": "I"}
_CASTS = {"n": int, "capped": int, "non_finite": int}

MAX_STEPS = 256
"""Steps in one report: a fast worker trains a few hundred in a tenth of a second."""

SAMPLE_BYTES = 1 << 20
"""Samples are sent in messages of about this size, far below the 64 MiB of a frame."""

MAX_CLASSES = 1000
"""With more classes the weight mass per class is not reported."""
