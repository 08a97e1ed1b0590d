"""Reads and replaces the label of a sample."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Union

import torch
from torch import Tensor

from absgd_worker.errors import ReviewError

LabelPlace = Union[str, int, "tuple[Callable[[Any], Any], Callable[[Any, int], Any]]"]


def label_place(sample: Any, given: LabelPlace | None) -> LabelPlace:
    """Where samples like this one have their label.

    Raises:
        ReviewError: it was not given, and the sample is neither (x, y) nor a mapping with "label" or
            "labels"; or the sample has nothing there.
    """
    if isinstance(given, tuple):
        if len(given) == 2 and all(map(callable, given)):
            return given
        raise ReviewError(
            "label= is a key, a position, or a pair of functions: get(sample) returns the label, and "
            "set(sample, label) the sample with another one"
        )
    place = given
    if place is None and isinstance(sample, Mapping):
        place = next((key for key in ("label", "labels") if key in sample), None)
    elif place is None and isinstance(sample, Sequence) and not isinstance(sample, str) and len(sample) == 2:
        place = 1
    if place is None:
        raise ReviewError(
            f"it is unknown where a sample, {_kind(sample)}, has its label: give apply_review(…, label=…), "
            "its key or position, or a pair of functions get(sample) and set(sample, label)"
        )
    label_of(sample, place)
    return place


def label_of(sample: Any, place: LabelPlace) -> int:
    """The label of a sample.

    Raises:
        ReviewError: there is none, or it is no whole number.
    """
    try:
        value = place[0](sample) if isinstance(place, tuple) else sample[place]
    except (KeyError, IndexError, TypeError) as error:
        raise ReviewError(
            f"label={place!r} finds nothing in a sample, {_kind(sample)}: {type(error).__name__}: {error}"
        ) from None
    try:
        number = value.item() if hasattr(value, "item") else value
        label = int(number)
        if isinstance(number, str) or label != number:
            raise ValueError
    except (TypeError, ValueError, RuntimeError):
        raise ReviewError(
            f"the label of a sample is {_kind(value)}, must be the number of its class: give label=, or a "
            "pair of functions get(sample) and set(sample, label)"
        ) from None
    return label


def with_label(sample: Any, place: LabelPlace, label: int) -> Any:
    """A copy of the sample with this label, of the kind that it had: int, tensor, array."""
    if isinstance(place, tuple):
        return place[1](sample, label)
    before = sample[place]
    after: Any = label
    if isinstance(before, Tensor):
        after = torch.full_like(before, label)
    elif hasattr(before, "item"):
        after = before * 0 + type(before.reshape(()).item())(label)
    elif not isinstance(before, bool):
        after = type(before)(label)
    if isinstance(sample, tuple):
        values = [after if at == place % len(sample) else value for at, value in enumerate(sample)]  # type: ignore[operator]
        kind: Any = type(sample)
        return kind._make(values) if hasattr(sample, "_make") else kind(values)
    changed = copy.copy(sample)
    changed[place] = after
    return changed


def _kind(value: Any) -> str:
    kind = type(value).__qualname__
    if isinstance(value, Tensor):
        return f"a tensor of {value.dtype} and shape {list(value.shape)}"
    if isinstance(value, Mapping):
        return f"a {kind} with {', '.join(map(str, value))}"
    return f"a {kind} of {len(value)}" if isinstance(value, (tuple, list)) else f"a {kind}"
