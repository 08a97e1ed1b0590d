"""Compares the numbers in the samples of a batch with the numbers in its tensors.

Shapes: N samples, R rows, P numbers that are compared of each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from absgd_worker.attach.samples.batch_structure import parts_of, tensors_in

Sample = dict[tuple[Any, ...], Any]
"""What a sample is made of, by where it is in it: tensors, numbers, tuples of numbers, any other object."""
Choices = list[list[int]]
"""Of every row: the samples that it may be."""


def taken_apart(samples: Sequence[Any]) -> list[Sample]:
    """To be called before the collate function, which may change what it is given."""
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
        # A pair of a number and a label is no list of one thing.
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
    """The batch's tensors as R rows each."""
    tensors = [one.detach() for one in tensors_in(batch) if one.ndim and one.numel() and not one.is_meta]
    sizes = Counter(one.shape[0] for one in tensors)
    rows = count if count in sizes else next(iter(sizes), 0)
    if rows != count and (len(sizes) > 1 or not rows):
        return []
    found = []
    for one in tensors[:MOST]:
        if one.is_sparse or one.is_complex():
            continue
        if one.shape[0] == rows:
            found.append(one.reshape(rows, -1))
        elif one.ndim > 1 and one.shape[1] == rows:
            found.append(one.transpose(0, 1).reshape(rows, -1))
    return found


def columns_of(parts: Sequence[Sample]) -> list[list[Tensor | None]]:
    """Of each place in a sample that has numbers: those of every sample."""
    columns = []
    for path in dict.fromkeys(path for sample in parts for path in sample):
        column = [_numbers(sample.get(path)) for sample in parts]
        if any(one is not None for one in column):
            columns.append(column)
    return columns[:MOST]


def _numbers(leaf: Any) -> Tensor | None:
    if isinstance(leaf, (bool, int, float)) or (isinstance(leaf, tuple) and leaf):
        try:
            leaf = torch.tensor(leaf)
        except (TypeError, ValueError, RuntimeError, OverflowError):
            return None
    if not isinstance(leaf, Tensor) or not leaf.numel() or leaf.is_sparse or leaf.is_complex():
        return None
    return leaf.detach().reshape(-1)


def match(table: Tensor, column: Sequence[Tensor | None]) -> Choices | None:
    """None where a row is none of the column's. Shorter ones may be padded behind or before."""
    width = table.shape[1]
    lengths = {one.shape[0] for one in column if one is not None}
    if max(lengths) > width:
        return None
    if lengths == {width}:
        places = torch.linspace(0, width - 1, min(width, PROBED)).long()
        return _look_up(table[:, places], [None if one is None else one[places] for one in column])
    if max(lengths) == min(lengths) == 1:
        return None
    for is_behind in (True, False):
        part = table[:, :PROBED] if is_behind else table[:, -PROBED:]
        for padding in table[:, -1 if is_behind else 0].unique()[:FEW].tolist():
            padded = [None if one is None else _padded(one, part, padding, is_behind) for one in column]
            found = _look_up(part, padded)
            if found is not None:
                return found
    return None


def _padded(one: Tensor, like: Tensor, padding: float, is_behind: bool) -> Tensor:
    width = like.shape[1]
    made = torch.full((width,), padding, dtype=like.dtype)
    count = min(one.shape[0], width)
    if is_behind:
        made[:count] = one[:count]
    else:
        made[width - count :] = one[one.shape[0] - count :]
    return made


def _look_up(table: Tensor, column: Sequence[Tensor | None]) -> Choices | None:
    known = [place for place, one in enumerate(column) if one is not None]
    given = torch.stack([one.to(table) for one in column if one is not None])
    both = torch.cat([given, table])
    # NaN is no equal of itself.
    both = both.double().nan_to_num(nan=_NAN) if both.is_floating_point() else both.long()
    numbers: list[int] = torch.unique(both, dim=0, return_inverse=True)[1].tolist()
    places: dict[int, list[int]] = {}
    for place, number in zip(known, numbers, strict=False):
        places.setdefault(number, []).append(place)
    found = [places.get(number, []) for number in numbers[len(known) :]]
    return found if all(found) else None


_NAN = -1.2345e300
MOST = 16
"""Tensors of a batch, and columns of a sample, that are compared."""
PROBED = 1024
"""Numbers of a row that are compared, spread over it; of padded rows the first or last."""
FEW = 4
