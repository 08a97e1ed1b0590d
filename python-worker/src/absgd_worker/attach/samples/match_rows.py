"""Finds which sample each row of a batch is, by comparing the values in the samples with those in the rows.

Shapes: N samples, R rows, P values of each that are compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from absgd_worker.attach.samples.batch_structure import parts_of, tensors_in

Sample = dict[tuple[Any, ...], Any]
"""The parts of a sample by their path in it: tensors, numbers, tuples of numbers, other objects."""
Candidates = list[list[int]]
"""For each row, the samples that it may be."""


def split_samples(samples: Sequence[Any]) -> list[Sample]:
    """The parts of each sample. Call this before the collate function, which may change the samples."""
    return [dict(_leaves(sample, (), 4)) for sample in samples]


def _leaves(value: Any, path: tuple[Any, ...], depth: int) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if isinstance(value, (Tensor, str, bytes, int, float, bool)) or value is None or not depth:
        yield path, value
    elif hasattr(value, "__array__") and hasattr(value, "dtype"):
        try:
            yield path, torch.as_tensor(value)
        except (TypeError, ValueError, RuntimeError):
            yield path, value
    elif isinstance(value, (list, tuple)) and value and all(isinstance(one, (int, float)) for one in value):
        yield path, tuple(value)
        # A short tuple may hold different things, such as a number and a label, so its parts are listed too.
        if len(value) <= FEW:
            for key, part in enumerate(value):
                yield (*path, key), part
    else:
        parts = parts_of(value)
        if not parts:
            yield path, value
        for key, part in parts.items():
            yield from _leaves(part, (*path, key), depth - 1)


def tables_of(batch: Any, count: int) -> list[Tensor]:
    """The batch's tensors in the shape [R, …] each. `count`: the number of samples."""
    tensors = [
        tensor.detach()
        for tensor in tensors_in(batch)
        if tensor.ndim and tensor.numel() and not tensor.is_meta
    ]
    sizes = Counter(tensor.shape[0] for tensor in tensors)
    rows = count if count in sizes else next(iter(sizes), 0)
    if rows != count and (len(sizes) > 1 or not rows):
        return []
    tables = []
    for tensor in tensors[:MOST]:
        if tensor.is_sparse or tensor.is_complex():
            continue
        if tensor.shape[0] == rows:
            tables.append(tensor.reshape(rows, -1))
        elif tensor.ndim > 1 and tensor.shape[1] == rows:
            tables.append(tensor.transpose(0, 1).reshape(rows, -1))
    return tables


def columns_of(parts: Sequence[Sample]) -> list[list[Tensor | None]]:
    """For each path in the samples with numeric values: the values of every sample, None if it has none."""
    columns = []
    for path in dict.fromkeys(path for sample in parts for path in sample):
        column = [_values(sample.get(path)) for sample in parts]
        if any(values is not None for values in column):
            columns.append(column)
    return columns[:MOST]


def _values(leaf: Any) -> Tensor | None:
    """The numeric values of a part of a sample, 1-dimensional; None if it has none."""
    if isinstance(leaf, (bool, int, float)) or (isinstance(leaf, tuple) and leaf):
        try:
            leaf = torch.tensor(leaf)
        except (TypeError, ValueError, RuntimeError, OverflowError):
            return None
    if not isinstance(leaf, Tensor) or not leaf.numel() or leaf.is_sparse or leaf.is_complex():
        return None
    return leaf.detach().reshape(-1)


def match(table: Tensor, column: Sequence[Tensor | None]) -> Candidates | None:
    """The samples of a column that each row of a table may be; None if a row is none of them.

    Samples that are shorter than the rows may be padded at the end or at the beginning.
    """
    width = table.shape[1]
    lengths = {values.shape[0] for values in column if values is not None}
    if max(lengths) > width:
        return None
    if lengths == {width}:
        positions = torch.linspace(0, width - 1, min(width, PROBED)).long()
        probed = [None if values is None else values[positions] for values in column]
        return _look_up(table[:, positions], probed)
    if max(lengths) == min(lengths) == 1:
        return None
    for is_at_end in (True, False):
        part = table[:, :PROBED] if is_at_end else table[:, -PROBED:]
        for padding in table[:, -1 if is_at_end else 0].unique()[:FEW].tolist():
            padded = [None if values is None else _pad(values, part, padding, is_at_end) for values in column]
            candidates = _look_up(part, padded)
            if candidates is not None:
                return candidates
    return None


def _pad(values: Tensor, like: Tensor, padding: float, is_at_end: bool) -> Tensor:
    """`values` padded to the width of the table `like`, in its dtype. `is_at_end`: where the padding goes."""
    width = like.shape[1]
    padded = torch.full((width,), padding, dtype=like.dtype)
    count = min(values.shape[0], width)
    if is_at_end:
        padded[:count] = values[:count]
    else:
        padded[width - count :] = values[values.shape[0] - count :]
    return padded


def _look_up(table: Tensor, column: Sequence[Tensor | None]) -> Candidates | None:
    """The samples whose values equal each row of the table, [R, P]; None if a row has no such sample."""
    samples = [sample for sample, values in enumerate(column) if values is not None]
    sample_values = torch.stack([values.to(table) for values in column if values is not None])
    both = torch.cat([sample_values, table])
    # NaN does not equal itself, so it is replaced by a number.
    both = both.double().nan_to_num(nan=_NAN) if both.is_floating_point() else both.long()
    # Equal rows get equal numbers.
    numbers: list[int] = torch.unique(both, dim=0, return_inverse=True)[1].tolist()
    samples_by_number: dict[int, list[int]] = {}
    for sample, number in zip(samples, numbers, strict=False):
        samples_by_number.setdefault(number, []).append(sample)
    candidates = [samples_by_number.get(number, []) for number in numbers[len(samples) :]]
    return candidates if all(candidates) else None


_NAN = -1.2345e300
MOST = 16
"""The most tensors of a batch, and columns of the samples, that are compared."""
PROBED = 1024
"""The most values of a row that are compared: spread over it, or the first or last ones of a padded row."""
FEW = 4
