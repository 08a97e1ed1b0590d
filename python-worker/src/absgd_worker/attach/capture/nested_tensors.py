"""Reads and replaces the tensors in nested lists, tuples and dicts, as criteria take and return them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

from torch import Tensor


def tensors_in(value: object) -> Iterator[Tensor]:
    """The tensors in a structure of lists, tuples and dicts."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from tensors_in(part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from tensors_in(part)


def replace_tensors(value: Any, replace: Callable[[Tensor], Tensor]) -> Any:
    """A copy of the structure in which every tensor is `replace(tensor)`."""
    if isinstance(value, Tensor):
        return replace(value)
    if isinstance(value, MutableMapping):
        copied = copy.copy(value)
        for key, part in value.items():
            copied[key] = replace_tensors(part, replace)
        return copied
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*[replace_tensors(part, replace) for part in value])
    if isinstance(value, (list, tuple)):
        return type(value)(replace_tensors(part, replace) for part in value)
    return value
