"""The tensors in a batch, whatever it is made of."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from itertools import islice
from types import BuiltinFunctionType, FunctionType
from typing import Any

from torch import Tensor


def tensors_in(batch: Any, depth: int = 5) -> Iterator[Tensor]:
    """Those of tuples, lists, mappings, dataclasses and objects with attributes, at most `MOST`."""
    yield from islice(_walk(batch, depth), MOST)


def _walk(value: Any, depth: int) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif depth:
        for part in parts_of(value).values():
            yield from _walk(part, depth - 1)


def parts_of(value: Any) -> Mapping[Any, Any]:
    """What a value is made of, by key, place or attribute; empty for what is no container."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, (list, tuple)):
        return dict(enumerate(value[:MOST]))
    if isinstance(value, _LEAVES):
        return {}
    if dataclasses.is_dataclass(value):
        return {one.name: getattr(value, one.name, None) for one in dataclasses.fields(value)}
    try:
        own = dict(vars(value))
    except TypeError:
        own = {}
    for name in getattr(type(value), "__slots__", ()):
        if isinstance(name, str) and hasattr(value, name):
            own.setdefault(name, getattr(value, name))
    return own


MOST = 64
_LEAVES = (type, str, bytes, int, float, complex, bool, type(None), FunctionType, BuiltinFunctionType)
