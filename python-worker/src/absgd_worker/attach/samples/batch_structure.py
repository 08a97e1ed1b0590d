"""Finds the tensors in a batch of any structure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from itertools import islice
from types import BuiltinFunctionType, FunctionType
from typing import Any

from torch import Tensor


def tensors_in(batch: Any, depth: int = 5) -> Iterator[Tensor]:
    """The tensors in tuples, lists, mappings, dataclasses and objects with attributes, at most `MOST`.

    `depth`: how deep containers may be nested.
    """
    yield from islice(_walk(batch, depth), MOST)


def _walk(value: Any, depth: int) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif depth:
        for part in parts_of(value).values():
            yield from _walk(part, depth - 1)


def parts_of(value: Any) -> Mapping[Any, Any]:
    """The parts of a container by key, position or attribute name; empty if `value` is no container."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, (list, tuple)):
        return dict(enumerate(value[:MOST]))
    if isinstance(value, _LEAVES):
        return {}
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name, None) for field in dataclasses.fields(value)}
    try:
        attributes = dict(vars(value))
    except TypeError:
        attributes = {}
    for name in getattr(type(value), "__slots__", ()):
        if isinstance(name, str) and hasattr(value, name):
            attributes.setdefault(name, getattr(value, name))
    return attributes


MOST = 64
_LEAVES = (type, str, bytes, int, float, complex, bool, type(None), FunctionType, BuiltinFunctionType)
